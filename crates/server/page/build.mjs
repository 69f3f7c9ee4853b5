// Bundles src/ into dist/, the same bytes each time.
import { build } from "esbuild";
import { copyFileSync } from "node:fs";

await build({
  entryPoints: { page: "src/main.tsx" },
  outdir: "dist",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "inline",
});
for (const file of ["index.html", "icon.svg"]) copyFileSync(`src/${file}`, `dist/${file}`);
