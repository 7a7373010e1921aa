"use strict";

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  tryItOutEnabled: true,
  supportedSubmitMethods: ["get", "head", "post", "put", "patch", "delete"],
  validatorUrl: null, // it would send our description to a server on the internet
  presets: [window.SwaggerUIBundle.presets.apis],
});
