package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The bill of materials has both libraries, and is one by CycloneDX's schema, which is
// part of the Go module with which `make sbom` is made.
func TestSBOM(t *testing.T) {
	lock, err := os.ReadFile("../../package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	text, err := sbom(lock)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"purl": "pkg:npm/lit-html@`, `"purl": "pkg:npm/swagger-ui-dist@`, `"id": "BSD-3-Clause"`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the bill lacks %s", want)
		}
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema(t).Validate(instance); err != nil {
		t.Error(err)
	}
	if _, err := sbom([]byte(`{"packages":{"node_modules/lit-html":{"version":"3.0.0"}}}`)); err == nil {
		t.Error("got no error for a package without a licence, want one")
	}
}

// schema returns CycloneDX's schema.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", "github.com/CycloneDX/cyclonedx-go@v0.9.3").Output()
	if err != nil {
		t.Fatalf("download the schema: %v\n%s", err, out)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	for name, file := range map[string]string{"bom-1.6.schema.json": "bom-1.6.schema.json", "spdx.schema.json": "spdx.schema.json", "jsf-0.82.schema.json": "jsf-0.82.schemax.json"} {
		text, err := os.ReadFile(filepath.Join(module.Dir, "schema", file)) //nolint:gosec // of a module
		if err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource("http://cyclonedx.org/schema/"+name, document); err != nil {
			t.Fatal(err)
		}
	}
	compiled, err := compiler.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}
