// Package sbomtest checks bills of materials against the schema of CycloneDX 1.6.
package sbomtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The schema is a part of the Go module with which `make sbom` is made.
const module = "github.com/CycloneDX/cyclonedx-go@v0.9.3"

// A Schema checks bills of materials.
type Schema struct{ compiled *jsonschema.Schema }

// Load returns the schema of CycloneDX 1.6. It downloads the module that has it, unless
// the module cache has that.
func Load() (*Schema, error) {
	out, err := exec.Command("go", "mod", "download", "-json", module).Output() //nolint:noctx // ends by itself
	if err != nil {
		return nil, fmt.Errorf("download the schema: %w\n%s", err, out)
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal(out, &downloaded); err != nil {
		return nil, err
	}
	const url = "http://cyclonedx.org/schema/"
	compiler := jsonschema.NewCompiler()
	for name, file := range map[string]string{"bom-1.6.schema.json": "bom-1.6.schema.json", "spdx.schema.json": "spdx.schema.json", "jsf-0.82.schema.json": "jsf-0.82.schemax.json"} {
		text, err := os.ReadFile(filepath.Join(downloaded.Dir, "schema", file)) //nolint:gosec // of a module
		if err != nil {
			return nil, err
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		if err := compiler.AddResource(url+name, document); err != nil {
			return nil, err
		}
	}
	compiled, err := compiler.Compile(url + "bom-1.6.schema.json")
	return &Schema{compiled}, err
}

// Check returns an error if a text is no bill of materials by the schema.
func (s *Schema) Check(text []byte) error {
	bill, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return s.compiled.Validate(bill)
}
