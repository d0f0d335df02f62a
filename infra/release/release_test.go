package main_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	release "github.com/latchkey-api/latchkey/infra/release"
	"github.com/latchkey-api/latchkey/infra/stages"
	"github.com/latchkey-api/latchkey/shared/api"
)

// TestReleaseIsReproducible checks that the same functions and templates make the
// same files, whenever and with whatever modes they were built.
func TestReleaseIsReproducible(t *testing.T) {
	first := made(t, time.Unix(1_700_000_000, 0), 0o700)
	again := made(t, time.Unix(1_800_000_000, 0), 0o600)
	if got, want := read(t, filepath.Join(again, "SHA256SUMS")), read(t, filepath.Join(first, "SHA256SUMS")); got != want {
		t.Errorf("got checksums\n%s\nwant\n%s", got, want)
	}
	if lines, want := strings.Count(read(t, filepath.Join(first, "SHA256SUMS")), "\n"), 2*len(api.Functions())+len(stages.Names())+2; lines != want {
		t.Errorf("got %d checksums, want %d", lines, want)
	}
}

// TestLicences checks that a release has the licences of the modules in its functions.
func TestLicences(t *testing.T) {
	if got := read(t, filepath.Join(made(t, time.Now(), 0o600), "THIRD-PARTY.txt")); got != "licences" {
		t.Errorf("got %q, want the file of the build", got)
	}
}

// TestBills checks that a release has the bill of materials of each function, and of
// what the console serves.
func TestBills(t *testing.T) {
	folder := made(t, time.Now(), 0o600)
	for _, name := range []string{"create", "verify", "console-files"} {
		if got, want := read(t, filepath.Join(folder, "sbom", name+".cdx.json")), "bill of "+name; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestZips checks that a zip has nothing but the function, which anybody may run:
// Lambda runs it as a user of its own.
func TestZips(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(made(t, time.Now(), 0o600), "functions", "create-*.zip"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got zips %v (%v), want one of create", files, err)
	}
	archive, err := zip.OpenReader(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = archive.Close() }()
	if len(archive.File) != 1 || archive.File[0].Name != "bootstrap" || archive.File[0].Mode().Perm() != 0o755 {
		t.Fatalf("got %v, want bootstrap with mode 755", archive.File[0].FileHeader)
	}
	entry, err := archive.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(entry); err != nil || string(text) != "create" {
		t.Errorf("got %q, %v, want the function", text, err)
	}
}

// TestZipNames checks that other code has another name, because CloudFormation
// updates a function only then.
func TestZipNames(t *testing.T) {
	first, again, other := release.ZipName("get", []byte("a")), release.ZipName("get", []byte("a")), release.ZipName("get", []byte("b"))
	if first != again || first == other || !strings.HasPrefix(first, "get-") {
		t.Errorf("got %s and %s for the same code, and %s for other code", first, again, other)
	}
}

// TestTemplatesNeedNoCDK checks that a template takes each function from its zip,
// refers only to what it has, and mentions nothing of cdk.
func TestTemplatesNeedNoCDK(t *testing.T) {
	folder := made(t, time.Now(), 0o600)
	keep(t, folder)
	for _, stage := range stages.Names() {
		t.Run(stage, func(t *testing.T) {
			text := read(t, filepath.Join(folder, "latchkey-"+stage+".template.json"))
			if found := regexp.MustCompile(`(?i)cdk[-:/]|bootstrapversion`).FindString(text); found != "" {
				t.Errorf("got %q in the template, want nothing of cdk", found)
			}
			var template struct {
				Description                     string
				Parameters, Resources, Metadata map[string]map[string]any
			}
			if err := json.Unmarshal([]byte(text), &template); err != nil {
				t.Fatal(err)
			}
			if want := "Latchkey v1.2.3, stage " + stage + ": API tokens"; template.Description != want {
				t.Errorf("got description %q, want %q", template.Description, want)
			}
			functions := 0
			for id, resource := range template.Resources {
				if resource["Type"] == "AWS::Lambda::Function" {
					functions++
					checkCode(t, folder, id, resource)
				}
			}
			if functions != len(api.Functions()) {
				t.Errorf("got %d functions, want %d", functions, len(api.Functions()))
			}
			for _, ref := range regexp.MustCompile(`"Ref": "([^"]*)"`).FindAllStringSubmatch(text, -1) {
				_, parameter := template.Parameters[ref[1]]
				_, resource := template.Resources[ref[1]]
				if !parameter && !resource && !strings.HasPrefix(ref[1], "AWS::") {
					t.Errorf("the template refers to %s, which it does not have", ref[1])
				}
			}
			_, alarms := template.Parameters["AlarmEmail"]
			if alarms != (stage != "dev") || alarms != (template.Resources["AlarmSubscription"] != nil) {
				t.Errorf("got a parameter for alarms: %t, want one with its subscription, except in dev", alarms)
			}
		})
	}
}

// keep copies the templates to the folder in the environment variable RELEASE_FOLDER,
// in which scripts/test-sam checks them with cfn-lint.
func keep(t *testing.T, folder string) {
	t.Helper()
	to := os.Getenv("RELEASE_FOLDER")
	if to == "" {
		return
	}
	for _, stage := range stages.Names() {
		name := "latchkey-" + stage + ".template.json"
		write(t, filepath.Join(to, name), read(t, filepath.Join(folder, name)))
	}
}

// checkCode checks that a function's code is a zip of the release, in the bucket of
// the operator.
func checkCode(t *testing.T, folder, id string, resource map[string]any) {
	t.Helper()
	properties, _ := resource["Properties"].(map[string]any)
	code, _ := properties["Code"].(map[string]any)
	bucket, _ := code["S3Bucket"].(map[string]any)
	key, _ := code["S3Key"].(map[string]any)
	file, _ := key["Fn::Sub"].(string)
	name, prefixed := strings.CutPrefix(file, "${CodePrefix}")
	if _, err := os.Stat(filepath.Join(folder, "functions", name)); bucket["Ref"] != "CodeBucket" || !prefixed || err != nil {
		t.Errorf("function %s: got code %v (%v), want a zip of the release", id, code, err)
	}
}

// TestRunRefuses checks that what can't be released says what to do.
func TestRunRefuses(t *testing.T) {
	empty := t.TempDir()
	for name, tt := range map[string]struct{ version, build, want string }{
		"no_version":        {"", empty, `VERSION is "": set it to one such as v1.2.3`},
		"version_without_v": {"1.2.3", empty, "set it to one such as v1.2.3"},
		"version_is_path":   {"v1.2.3/../..", empty, "set it to one such as v1.2.3"},
		"not_built":         {"v1.2.3", empty, "run `make build`"},
	} {
		t.Run(name, func(t *testing.T) {
			err := release.Run([]string{"-version", tt.version, "-build", tt.build, "-templates", empty, "-out", t.TempDir()}, io.Discard)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// made makes a release of the templates of the stages' tests and of functions whose
// code is their name, and returns its folder.
func made(t *testing.T, built time.Time, mode os.FileMode) string {
	t.Helper()
	build, templates, out := t.TempDir(), t.TempDir(), t.TempDir()
	for _, f := range api.Functions() {
		file := filepath.Join(build, f.Name, "bootstrap")
		write(t, file, f.Name)
		write(t, filepath.Join(build, "sbom", f.Name+".cdx.json"), "bill of "+f.Name)
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, built, built); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(build, "THIRD-PARTY.txt"), "licences")
	write(t, filepath.Join(build, "sbom", "console-files.cdx.json"), "bill of console-files")
	for _, stage := range stages.Names() {
		write(t, filepath.Join(templates, "Latchkey-"+stage+".template.json"), read(t, "../stack/testdata/"+stage+".template.json"))
	}
	var folder bytes.Buffer
	if err := release.Run([]string{"-version", "v1.2.3", "-build", build, "-templates", templates, "-out", out}, &folder); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(folder.String())
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil { //nolint:gosec // a test's own folder
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil { //nolint:gosec // a test's own file
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file) //nolint:gosec // a test's own file
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
