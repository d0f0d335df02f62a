package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/latchkey-api/latchkey/internal/sbomtest"
)

// The bill of materials has both libraries and the packages that are bundled in one of
// them, and is one by CycloneDX's schema.
func TestSBOM(t *testing.T) {
	lock, err := os.ReadFile("../../package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	text, err := sbom(lock, "../../node_modules")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"purl": "pkg:npm/lit-html@`, `"purl": "pkg:npm/swagger-ui-dist@`, `"id": "BSD-3-Clause"`, `"purl": "pkg:npm/react"`, `"purl": "pkg:npm/%40swagger-api/apidom-core"`, `"name": "apidom-core"`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the bill lacks %s", want)
		}
	}
	schema, err := sbomtest.Load()
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Check(text); err != nil {
		t.Error(err)
	}
	if _, err := sbom([]byte(`{"packages":{"node_modules/lit-html":{"version":"3.0.0"}}}`), "../../node_modules"); err == nil {
		t.Error("got no error for a package without a licence, want one")
	}
}
