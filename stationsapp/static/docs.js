"use strict";

const config = JSON.parse(document.getElementById("swagger-ui").dataset.config);
SwaggerUIBundle({ ...config, layout: "BaseLayout", presets: [SwaggerUIBundle.presets.apis] });
