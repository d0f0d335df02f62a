// Command console builds what functions/console serves from its sources: the
// bundle of the console, and the OpenAPI document as JSON. With -npm it also
// takes over the libraries that npm has installed. `make console` runs it.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// web is the folder that is built, from the project's root.
const web = "functions/console/web"

func main() {
	npm := flag.String("npm", "", "a `folder` node_modules with lit-html and swagger-ui-dist; without it those in the tree stay")
	flag.Parse()
	if err := run(*npm); err != nil {
		fmt.Fprintln(os.Stderr, "console:", err)
		os.Exit(1)
	}
}

func run(npm string) error {
	if npm != "" {
		if err := takeOver(npm, web); err != nil {
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
