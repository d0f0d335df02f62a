package api

import _ "embed" // for the document

//go:embed openapi.yaml
var openAPI []byte

// OpenAPI is the document of this API, in YAML.
func OpenAPI() []byte { return openAPI }
