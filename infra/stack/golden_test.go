package stack_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files") //nolint:gochecknoglobals // flags are registered before any test runs

// compareGolden compares a template with testdata/<stage>.template.json, which
// tests that do not use CDK read instead.
func compareGolden(t *testing.T, p *template) {
	compareGoldenIn(t, "testdata", p)
}

func compareGoldenIn(t *testing.T, folder string, p *template) {
	t.Helper()
	var decoded any
	if err := json.Unmarshal(p.text, &decoded); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	encoder := json.NewEncoder(&got)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(decoded); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, p.stage+".template.json")
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, file)), got.String()); diff != "" {
		t.Errorf("template differs (-want +got); if that is right, write it with -update:\n%s", diff)
	}
}
