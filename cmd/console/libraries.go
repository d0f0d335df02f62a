package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// libraries are the files that npm packages bring, and where they go. What is
// large is kept compressed, as it is sent.
func libraries() map[string]string {
	return map[string]string{
		"lit-html/lit-html.js":                             "src/lib/lit-html.js",
		"swagger-ui-dist/swagger-ui-bundle.js":             "docs/swagger-ui-bundle.js.gz",
		"swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt": "docs/swagger-ui-bundle.js.LICENSE.txt",
		"swagger-ui-dist/swagger-ui.css":                   "docs/swagger-ui.css.gz",
		"swagger-ui-dist/NOTICE":                           "docs/NOTICE",
	}
}

// takeOver copies the libraries of npm into the tree. A file that has the same
// content already stays, whatever compressed it.
func takeOver(npm, web string) error {
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

// withoutSourceMap leaves out a last line that names a file we don't serve.
func withoutSourceMap(content []byte) []byte {
	text := strings.TrimRight(string(content), "\n")
	if at := strings.LastIndexByte(text, '\n'); strings.Contains(text[at+1:], "# sourceMappingURL=") {
		text = text[:at]
	}
	return []byte(text + "\n")
}

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
