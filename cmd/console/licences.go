package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// licencesFile is the name of the file in dist with the licences of the libraries.
const licencesFile = "LICENSES.txt"

// licences returns the texts of the licences of all that npm packages bring into
// what functions/console serves: each library in the bundle that metafile describes,
// which has its licence beside it in src/lib, and Swagger UI.
func licences(src, metafile string) ([]byte, error) {
	var bundle struct{ Inputs map[string]struct{} }
	if err := json.Unmarshal([]byte(metafile), &bundle); err != nil {
		return nil, err
	}
	files := map[string][]string{"swagger-ui-dist": {"../docs/LICENSE", "../docs/NOTICE"}}
	for input := range bundle.Inputs {
		if strings.Contains(input, "node_modules") {
			return nil, fmt.Errorf("%s is bundled from node_modules: add it and its licence to libraries", input)
		}
		if filepath.Base(filepath.Dir(input)) == "lib" {
			name := strings.TrimSuffix(filepath.Base(input), filepath.Ext(input))
			files[name] = []string{"lib/" + name + ".LICENSE.txt"}
		}
	}
	var all bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&all, "===== %s =====\n\n", name)
		for _, file := range files[name] {
			text, err := os.ReadFile(filepath.Join(src, file)) //nolint:gosec // the project's own file
			if len(bytes.TrimSpace(text)) == 0 {
				err = errors.Join(err, errors.New("no text"))
			}
			if err != nil {
				return nil, fmt.Errorf("licence of %s: %w", name, err)
			}
			fmt.Fprintf(&all, "%s\n\n", bytes.TrimSpace(text))
		}
	}
	return all.Bytes(), nil
}
