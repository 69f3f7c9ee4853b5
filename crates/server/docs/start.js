// Starts Swagger UI, and adds what it leaves out for screen readers.

// Relative: the server may be mounted below a path of a proxy.
SwaggerUIBundle({ url: "../openapi.json", dom_id: "#swagger-ui", syntaxHighlight: { activated: false } });

/** The levels of its headings below the title, which skips one. */
const LEVELS = { "h3.opblock-tag": 2, "h4.opblock-title": 3, "h4": 3, "h5": 4, "section.models h4": 2 };

function amend() {
  for (const [selector, level] of Object.entries(LEVELS)) {
    for (const heading of document.querySelectorAll(`#swagger-ui ${selector}`)) {
      if (heading.getAttribute("aria-level") !== String(level)) {
        heading.setAttribute("role", "heading");
        heading.setAttribute("aria-level", level);
      }
    }
  }
  for (const title of document.querySelectorAll("#swagger-ui .info h2.title")) {
    title.setAttribute("role", "heading");
    title.setAttribute("aria-level", 1);
  }
  for (const field of document.querySelectorAll("#swagger-ui :is(select, textarea, input):not([aria-label])")) {
    const row = field.closest("tr, .body-param, .responses-inner, section");
    const name = row?.querySelector(".parameter__name, .opblock-title")?.textContent;
    field.setAttribute("aria-label", field.getAttribute("placeholder") || name || "value");
  }
  for (const part of document.querySelectorAll("#swagger-ui :is(pre, .highlight-code > *):not([tabindex])")) {
    if (part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight) part.setAttribute("tabindex", 0);
  }
}

new MutationObserver(amend).observe(document.getElementById("swagger-ui"), { childList: true, subtree: true });
