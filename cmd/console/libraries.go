package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// libraries maps files of npm packages to their copies below web. Large files are
// stored compressed, as the console sends them.
func libraries() map[string]string {
	return map[string]string{
		"lit-html/lit-html.js":                             "src/lib/lit-html.js",
		"lit-html/LICENSE":                                 "src/lib/lit-html.LICENSE.txt",
		"swagger-ui-dist/swagger-ui-bundle.js":             "docs/swagger-ui-bundle.js.gz",
		"swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt": "docs/swagger-ui-bundle.js.LICENSE.txt",
		"swagger-ui-dist/swagger-ui.css":                   "docs/swagger-ui.css.gz",
		"swagger-ui-dist/LICENSE":                          "docs/LICENSE",
		"swagger-ui-dist/NOTICE":                           "docs/NOTICE",
	}
}

// copyLibraries copies the libraries from the folder npm to the folder web. It
// leaves a file alone if its uncompressed content is the same, because another
// version of gzip may compress it differently.
func copyLibraries(npm, web string) error {
	for from, to := range libraries() {
		content, err := os.ReadFile(filepath.Join(npm, from)) //nolint:gosec // the builder's own folder
		if err != nil {
			return err
		}
		content = withoutSourceMap(content)
		to = filepath.Join(web, to)
		if old, err := readLibrary(to); err == nil && bytes.Equal(old, content) {
			continue
		}
		if err := writeLibrary(to, content); err != nil {
			return err
		}
	}
	return nil
}

// withoutSourceMap removes a last line that names a source map, because the console
// does not serve source maps.
func withoutSourceMap(content []byte) []byte {
	text := strings.TrimRight(string(content), "\n")
	if at := strings.LastIndexByte(text, '\n'); strings.Contains(text[at+1:], "# sourceMappingURL=") {
		text = text[:at]
	}
	return []byte(text + "\n")
}

// readLibrary returns the uncompressed content of a stored library.
func readLibrary(name string) ([]byte, error) {
	content, err := os.ReadFile(name) //nolint:gosec // the project's own file
	if err != nil || filepath.Ext(name) != ".gz" {
		return content, err
	}
	plain, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(plain)
}

// writeLibrary stores a library, compressed if its name ends in .gz.
func writeLibrary(name string, content []byte) error {
	if filepath.Ext(name) == ".gz" {
		var packed bytes.Buffer
		w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		if err != nil {
			return err
		}
		_, _ = w.Write(content) // a Buffer never fails
		_ = w.Close()
		content = packed.Bytes()
	}
	return os.WriteFile(name, content, 0o644) //nolint:gosec // for git
}
