package api

import _ "embed" // the document

//go:embed openapi.yaml
var openAPI string

// OpenAPI is the reference of the API, an OpenAPI 3.1 document in YAML. It
// has every route of Routes. Only a binary that calls OpenAPI contains
// it.
func OpenAPI() []byte { return []byte(openAPI) }
