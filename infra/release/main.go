// Command release writes what an operator without Go and Node needs to deploy
// Latchkey: a zip of each function, and for each stage a CloudFormation template
// that needs no cdk bootstrap. `make release` builds the functions first.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/latchkey-api/latchkey/infra/stages"
	"github.com/latchkey-api/latchkey/shared/api"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	version := flags.String("version", "", "the `version`, such as v1.2.3")
	build := flags.String("build", "build", "the `folder` into which make build writes the functions")
	templates := flags.String("templates", "", "a `folder` with synthesized templates; empty synthesizes them")
	out := flags.String("out", "build/release", "the `folder` for the release")
	if err := flags.Parse(args); err != nil {
		return err
	}
	// https://semver.org/, without build metadata
	if !regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$`).MatchString(*version) {
		return fmt.Errorf("VERSION is %q: set it to one such as v1.2.3", *version)
	}
	folder := filepath.Join(*out, "latchkey_"+*version+"_aws")
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(filepath.Join(folder, functionsFolder), 0o750)); err != nil {
		return err
	}
	if *templates == "" {
		made, err := synthesize(*build)
		defer func() { _ = os.RemoveAll(made) }()
		if err != nil {
			return err
		}
		*templates = made
	}
	if err := write(folder, *version, *build, *templates); err != nil {
		return err
	}
	_, err := fmt.Fprintln(stdout, folder)
	return err
}

// functionsFolder is the folder of the zips in a release, licencesFile has the licences
// of the modules in them, and billsFolder their bills of materials.
const (
	functionsFolder = "functions"
	licencesFile    = "THIRD-PARTY.txt"
	billsFolder     = "sbom"
)

// write writes the zips, the licences, the bills of materials, the templates and the
// checksums.
func write(folder, version, build, templates string) error {
	zips := map[string]string{}
	for _, f := range api.Functions() {
		zipped, err := zipFile(filepath.Join(build, f.Name, "bootstrap"))
		if err != nil {
			return fmt.Errorf("function %s: %w: run `make build`", f.Name, err)
		}
		zips[f.Name] = zipName(f.Name, zipped)
		if err := os.WriteFile(filepath.Join(folder, functionsFolder, zips[f.Name]), zipped, 0o600); err != nil {
			return err
		}
	}
	licences, err := os.ReadFile(filepath.Join(build, licencesFile)) //nolint:gosec // a folder of the project
	if err != nil {
		return fmt.Errorf("licences: %w: run `go run ./cmd/licences build/%s`", err, licencesFile)
	}
	if err := os.WriteFile(filepath.Join(folder, licencesFile), licences, 0o600); err != nil { //nolint:gosec // the folder that the caller wants
		return err
	}
	if err := copyBills(folder, build); err != nil {
		return err
	}
	for _, stage := range stages.Names() {
		text, err := os.ReadFile(filepath.Join(templates, "Latchkey-"+stage+".template.json")) //nolint:gosec // a folder of the project
		if err != nil {
			return err
		}
		plain, err := plainTemplate(text, stage, version, zips)
		if err != nil {
			return fmt.Errorf("template of %s: %w", stage, err)
		}
		if err := os.WriteFile(filepath.Join(folder, "latchkey-"+stage+".template.json"), plain, 0o600); err != nil { //nolint:gosec // the folder that the caller wants
			return err
		}
	}
	return writeChecksums(folder)
}

// copyBills copies the bills of materials of the functions, and of what the function
// console serves.
func copyBills(folder, build string) error {
	if err := os.Mkdir(filepath.Join(folder, billsFolder), 0o750); err != nil {
		return err
	}
	names := []string{"console-files"}
	for _, f := range api.Functions() {
		names = append(names, f.Name)
	}
	for _, name := range names {
		file := filepath.Join(billsFolder, name+".cdx.json")
		bill, err := os.ReadFile(filepath.Join(build, file)) //nolint:gosec // a folder of the project
		if err != nil {
			return fmt.Errorf("bill of materials: %w: run `make sbom`", err)
		}
		if err := os.WriteFile(filepath.Join(folder, file), bill, 0o600); err != nil { //nolint:gosec // the folder that the caller wants
			return err
		}
	}
	return nil
}
