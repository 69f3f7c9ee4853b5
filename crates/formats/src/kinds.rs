//! Names for the kinds of files that are not read, for a summary such as "12 images, 3 archives, 1
//! font".

use crate::detect::{OLE2_MAGIC, extension, has};

/// File signatures and the kinds they stand for.
const MAGIC: &[(&[u8], &str)] = &[
    (b"\x89PNG", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"BM", "image"),
    (b"II*\0", "image"),
    (b"MM\0*", "image"),
    (b"\0\0\x01\0", "image"),
    (b"8BPS", "image"),
    (b"gimp xcf", "image"),
    (b"AT&TFORM", "image"),
    (b"\xff\x0a", "image"),
    (b"ID3", "audio"),
    (b"\xff\xfb", "audio"),
    (b"\xff\xf3", "audio"),
    (b"fLaC", "audio"),
    (b"MThd", "audio"),
    (b"OggS", "audio"),
    (b"\x1aE\xdf\xa3", "video"),
    (b"\0\0\x01\xba", "video"),
    (b"FLV\x01", "video"),
    (b"\x1f\x8b", "archive"),
    (b"BZh", "archive"),
    (b"\xfd7zXZ", "archive"),
    (b"7z\xbc\xaf", "archive"),
    (b"Rar!", "archive"),
    (b"PK\x03\x04", "archive"),
    (b"PK\x05\x06", "archive"),
    (b"\x28\xb5\x2f\xfd", "archive"),
    (b"\x04\x22\x4d\x18", "archive"),
    (b"!<arch>", "archive"),
    (b"\xed\xab\xee\xdb", "archive"),
    (b"MSCF", "archive"),
    (b"wOFF", "font"),
    (b"wOF2", "font"),
    (b"OTTO", "font"),
    (b"\0\x01\0\0\0", "font"),
    (b"ttcf", "font"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
    (b"\xfe\xed\xfa", "program"),
    (b"\xcf\xfa\xed\xfe", "program"),
    (b"\xce\xfa\xed\xfe", "program"),
    (b"\xca\xfe\xba\xbe", "program"),
    (b"\0asm", "program"),
    (b"dex\n", "program"),
    (b"SQLite format 3\0", "database"),
    (b"\x93NUMPY", "data"),
    (b"PAR1", "data"),
    (b"\x89HDF", "data"),
    (b"ARROW1", "data"),
    (b"GGUF", "data"),
    (b"QFI\xfb", "disk image"),
    (b"KDMV", "disk image"),
    (b"-----BEGIN", "certificate or key"),
    (b"%!PS", "page description"),
];

/// The kind of the file called `name` whose first bytes are `head`, in one or two words. Only meant
/// for files that have no reader: supported formats are not distinguished.
pub fn kind_name(name: &str, head: &[u8]) -> &'static str {
    if head.is_empty() {
        return "empty file";
    }
    let extension = extension(name);
    if head.starts_with(OLE2_MAGIC) {
        return "old Office document";
    }
    if let Some(kind) = container(head) {
        return kind;
    }
    // Signatures of two letters also begin ordinary text.
    let is_text = is_text(head);
    let magic = MAGIC
        .iter()
        .find(|(magic, _)| head.starts_with(magic) && (magic.len() > 2 || !is_text));
    let by_name = by_extension(&extension, name);
    match (magic, by_name) {
        // Many programs and documents are zip files; the name says more than the signature.
        (Some((_, "archive")), Some(kind)) if head.starts_with(b"PK") => kind,
        (Some((_, kind)), _) => kind,
        (None, Some("source code")) if is_text && is_minified(head) => "minified source code",
        (None, Some(kind)) => kind,
        (None, None) if is_text && head.starts_with(b"#!") => "source code",
        (None, None) if is_text && (head.starts_with(b"<?xml") || head.starts_with(b"<svg")) => {
            "configuration"
        }
        (None, None) if is_text => "text in no known format",
        (None, None) => "binary data",
    }
}

/// Kinds that are identified by more than a prefix.
fn container(head: &[u8]) -> Option<&'static str> {
    let at = |from: usize, what: &[u8]| head.get(from..).is_some_and(|rest| rest.starts_with(what));
    if head.starts_with(b"RIFF") {
        return Some(match head.get(8..12) {
            Some(b"WEBP") => "image",
            Some(b"WAVE") => "audio",
            _ => "video",
        });
    }
    if at(4, b"ftyp") {
        return Some(match head.get(8..11) {
            Some(b"hei" | b"avi" | b"mif") => "image",
            Some(b"M4A" | b"M4B") => "audio",
            _ => "video",
        });
    }
    if head.starts_with(b"OggS") && (has(head, b"theora")) {
        return Some("video");
    }
    if at(257, b"ustar") {
        return Some("archive");
    }
    None
}

fn by_extension(extension: &str, name: &str) -> Option<&'static str> {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let by_file = match file {
        "Makefile" | "makefile" | "GNUmakefile" | "Dockerfile" | "CMakeLists.txt" | "Rakefile"
        | "Gemfile" | "Jenkinsfile" | "BUILD" | "WORKSPACE" | "configure" | "PKGBUILD" => {
            Some("source code")
        }
        ".gitignore" | ".gitattributes" | ".editorconfig" | ".npmrc" | ".bashrc" | ".profile"
        | ".env" | "go.sum" | "go.mod" => Some("configuration"),
        "id_rsa" | "id_ed25519" | "authorized_keys" | "known_hosts" => Some("certificate or key"),
        _ => None,
    };
    if by_file.is_some() {
        return by_file;
    }
    Some(match extension {
        "png" | "jpg" | "jpeg" | "gif" | "bmp" | "tif" | "tiff" | "webp" | "heic" | "heif"
        | "avif" | "ico" | "icns" | "svg" | "svgz" | "psd" | "xcf" | "ai" | "eps" | "raw"
        | "cr2" | "nef" | "dng" | "arw" | "jxl" | "jp2" | "xpm" | "pbm" | "pgm" | "ppm" | "tga"
        | "dds" | "exr" | "hdr" | "wmf" | "emf" => "image",
        "mp3" | "wav" | "flac" | "ogg" | "oga" | "opus" | "m4a" | "aac" | "wma" | "mid"
        | "midi" | "aif" | "aiff" | "amr" => "audio",
        "mp4" | "mkv" | "webm" | "avi" | "mov" | "wmv" | "flv" | "mpg" | "mpeg" | "m4v" | "ogv"
        | "3gp" => "video",
        "zip" | "tar" | "gz" | "tgz" | "bz2" | "xz" | "txz" | "zst" | "lz" | "lzma" | "lz4"
        | "7z" | "rar" | "cab" | "deb" | "rpm" | "jar" | "war" | "apk" | "whl" | "gem"
        | "crate" | "egg" | "cpio" | "ar" => "archive",
        "ttf" | "otf" | "woff" | "woff2" | "eot" | "pfb" | "pfa" | "afm" | "pcf" | "bdf" => "font",
        "exe" | "dll" | "so" | "dylib" | "o" | "obj" | "a" | "lib" | "pyc" | "pyo" | "class"
        | "wasm" | "elc" | "msi" | "ko" | "rlib" | "rmeta" => "program",
        "sqlite" | "sqlite3" | "db" | "mdb" | "accdb" | "dbf" | "gdbm" | "ldb" => "database",
        "rs" | "c" | "h" | "cc" | "cpp" | "cxx" | "hpp" | "hh" | "py" | "pyi" | "pyx" | "js"
        | "mjs" | "cjs" | "jsx" | "ts" | "tsx" | "java" | "kt" | "kts" | "scala" | "go" | "rb"
        | "php" | "pl" | "pm" | "t" | "sh" | "bash" | "zsh" | "fish" | "ps1" | "bat" | "cmd"
        | "css" | "scss" | "sass" | "less" | "sql" | "swift" | "m" | "mm" | "cs" | "fs" | "vb"
        | "lua" | "r" | "jl" | "hs" | "ml" | "mli" | "ex" | "exs" | "erl" | "hrl" | "clj"
        | "lisp" | "el" | "scm" | "vim" | "asm" | "s" | "f" | "f90" | "pas" | "d" | "dart"
        | "zig" | "nim" | "v" | "vhd" | "sv" | "cu" | "glsl" | "proto" | "thrift" | "vue"
        | "svelte" | "awk" | "sed" | "tcl" | "cmake" | "mk" | "am" | "m4" | "in" | "ac"
        | "gradle" | "groovy" | "nix" | "tf" | "sol" | "coffee" | "map" | "sty" | "cls" | "bst"
        | "y" | "patch" | "diff" => "source code",
        "json" | "json5" | "yaml" | "yml" | "toml" | "ini" | "cfg" | "conf" | "config" | "xml"
        | "plist" | "lock" | "properties" | "env" | "desktop" | "service" | "rc" | "reg"
        | "xsd" | "xsl" | "xslt" | "dtd" | "rng" | "rdf" | "opf" | "ui" | "pc" | "po" | "pot" => {
            "configuration"
        }
        "log" | "journal" | "out" | "trace" => "log",
        "pem" | "crt" | "cer" | "der" | "key" | "p12" | "pfx" | "csr" | "gpg" | "asc" | "sig"
        | "pub" | "kdbx" | "jks" | "p7s" => "certificate or key",
        "npy" | "npz" | "parquet" | "arrow" | "feather" | "h5" | "hdf5" | "nc" | "mat" | "rds"
        | "rdata" | "pkl" | "pickle" | "pt" | "pth" | "onnx" | "safetensors" | "gguf"
        | "tfrecord" | "avro" | "orc" | "dat" | "shp" | "geojson" | "gpx" | "kml" | "ics"
        | "vcf" | "mo" => "data",
        "iso" | "img" | "dmg" | "vmdk" | "vdi" | "qcow2" | "vhdx" => "disk image",
        "doc" | "dot" | "xls" | "xlt" | "ppt" | "pps" | "msg" | "pub_" | "vsd" | "mpp" | "wpd"
        | "wps" | "sxw" => "old Office document",
        "pages" | "numbers" | "one" | "mobi" | "azw" | "azw3" | "djvu" | "chm" | "xps" | "oxps"
        | "odf" | "odb" | "odc" | "vsdx" | "indd" => "document",
        "tmp" | "bak" | "swp" | "part" | "crdownload" | "lnk" => "temporary file",
        _ => return None,
    })
}

/// Whether the first bytes look like text: no control characters, and UTF-8 or mostly ASCII.
fn is_text(head: &[u8]) -> bool {
    let head = head.get(..8192).unwrap_or(head);
    let has_control = head
        .iter()
        .any(|&b| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b | 0x08));
    let marked = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    let high = head.iter().filter(|&&b| b >= 0x80).count();
    let is_utf8 =
        std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    marked || !has_control && (is_utf8 || high * 4 < head.len())
}

fn is_minified(head: &[u8]) -> bool {
    let head = head.get(..8192).unwrap_or(head);
    head.len() > 1000 && head.iter().filter(|&&b| b == b'\n').count() * 300 < head.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_signature_then_extension() {
        for (name, head, kind) in [
            ("a.png", &b"\x89PNG\r\n"[..], "image"),
            ("a", b"\x7fELF\x02", "program"),
            (
                "MZ.txt",
                b"MZ is a region of text",
                "text in no known format",
            ),
            ("a.jar", b"PK\x03\x04", "archive"),
            ("a.pages", b"PK\x03\x04", "document"),
            ("a.rs", b"fn main() {}", "source code"),
            ("Makefile", b"all:\n", "source code"),
            ("run", b"#!/bin/sh\n", "source code"),
            ("a.yaml", b"a: 1", "configuration"),
            ("a.doc", OLE2_MAGIC, "old Office document"),
            ("a.xyz", b"\x00\x01\x02", "binary data"),
            ("a.xyz", "text é".as_bytes(), "text in no known format"),
            ("a", b"", "empty file"),
            ("x", b"-----BEGIN CERTIFICATE-----", "certificate or key"),
            ("x.webp", b"RIFF\0\0\0\0WEBPVP8", "image"),
            ("x.mp4", b"\0\0\0\x20ftypisom", "video"),
            ("jquery.min.js", &[b'a'; 2000], "minified source code"),
        ] {
            assert_eq!(kind_name(name, head), kind, "{name}");
        }
    }
}
