// Command console builds the files that functions/console serves: the bundle of
// the console's sources, and the OpenAPI document as JSON. With -npm it first
// copies the JavaScript libraries that npm has installed. `make console` runs it
// in the project's root.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// web is the folder with the console's sources and built files, relative to the
// project's root.
const web = "functions/console/web"

func main() {
	npm := flag.String("npm", "", "copy lit-html and swagger-ui-dist from this `folder`, a node_modules; without it the stored copies stay unchanged")
	bill := flag.String("sbom", "", "only write a bill of materials of the console's libraries in the folder -npm to this `file`")
	flag.Parse()
	do := func() error { return run(*npm) }
	if *bill != "" {
		do = func() error { return writeSBOM(*bill, *npm) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "console:", err)
		os.Exit(1)
	}
}

// run builds the files, after copying the libraries if npm is not empty.
func run(npm string) error {
	if npm != "" {
		if err := copyLibraries(npm, web); err != nil {
			return err
		}
	}
	built, err := build(filepath.Join(web, "src"))
	if err != nil {
		return err
	}
	for name, content := range built {
		if err := os.WriteFile(filepath.Join(web, "dist", name), content, 0o644); err != nil { //nolint:gosec // for git
			return err
		}
	}
	return nil
}
