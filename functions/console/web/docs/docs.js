// @ts-check
// Shows the OpenAPI document in Swagger UI. What the user enters, such as an
// access token, is not stored.

// @ts-expect-error swagger-ui-bundle.js defines it
window.SwaggerUIBundle({
  url: "api/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null, // by default Swagger UI sends the document to another site
});

const dark = matchMedia("(prefers-color-scheme: dark)");
const applyColorScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", applyColorScheme);
applyColorScheme();
