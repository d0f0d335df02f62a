package main

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// banner begins the bundle.
const banner = "// The licences of the libraries in this file are in " + licencesFile + "."

// build returns the content of each file of dist, by file name. src is the folder
// with the sources. A library without the text of its licence is an error.
func build(src string) (map[string][]byte, error) {
	result := api.Build(api.BuildOptions{
		EntryPoints:       []string{filepath.Join(src, "app.js"), filepath.Join(src, "style.css")},
		Outdir:            "dist",
		Bundle:            true,
		Format:            api.FormatESModule,
		Target:            api.ES2022,
		LegalComments:     api.LegalCommentsEndOfFile,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		Charset:           api.CharsetUTF8,
		Metafile:          true,
		Banner:            map[string]string{"js": banner},
	})
	var errs []error
	for _, text := range api.FormatMessages(append(result.Errors, result.Warnings...), api.FormatMessagesOptions{}) {
		errs = append(errs, errors.New(strings.TrimSpace(text)))
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	document, err := openAPI()
	if err != nil {
		return nil, err
	}
	texts, err := licences(src, result.Metafile)
	built := map[string][]byte{"openapi.json": document, licencesFile: texts}
	for _, file := range result.OutputFiles {
		built[filepath.Base(file.Path)] = file.Contents
	}
	return built, err
}
