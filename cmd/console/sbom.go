package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// sbom returns a bill of materials of the console, in CycloneDX 1.6, from the text of
// package-lock.json and the folder npm: the npm packages in what it serves, and in each
// those that its authors have bundled in it.
// https://cyclonedx.org/docs/1.6/json/
func sbom(lock []byte, npm string) ([]byte, error) {
	var locked struct {
		Packages map[string]struct{ Version, License, Integrity string }
	}
	if err := json.Unmarshal(lock, &locked); err != nil {
		return nil, err
	}
	bundled := map[string]map[string]bool{} // by library
	for file := range libraries() {
		name, _, _ := strings.Cut(file, "/")
		if bundled[name] == nil {
			bundled[name] = map[string]bool{}
		}
		if err := addBundled(bundled[name], filepath.Join(npm, file+".map")); err != nil {
			return nil, err
		}
	}
	components := []any{}
	for _, name := range slices.Sorted(maps.Keys(bundled)) {
		p := locked.Packages["node_modules/"+name]
		algorithm, sum, _ := strings.Cut(p.Integrity, "-")
		hash, err := base64.StdEncoding.DecodeString(sum)
		if err != nil || algorithm != "sha512" || p.Version == "" || p.License == "" {
			return nil, fmt.Errorf("package-lock.json has no version, licence and SHA-512 of %s (%w)", name, err)
		}
		purl := "pkg:npm/" + name + "@" + p.Version
		components = append(components, map[string]any{
			"type": "library", "name": name, "version": p.Version, "purl": purl, "bom-ref": purl,
			"licenses":   []any{map[string]any{"license": map[string]string{"id": p.License}}},
			"hashes":     []any{map[string]string{"alg": "SHA-512", "content": hex.EncodeToString(hash)}},
			"components": bundledComponents(bundled[name]),
		})
	}
	const schema = "http://cyclonedx.org/schema/bom-1.6.schema.json"
	return json.MarshalIndent(map[string]any{
		"$schema": schema, "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components,
		"metadata": map[string]any{"component": map[string]string{"type": "application", "name": "latchkey-console", "bom-ref": "latchkey-console"}},
	}, "", "  ")
}

// inPackage finds the name of the npm package that a source in a source map comes from.
var inPackage = regexp.MustCompile(`.*node_modules/((?:@[^/]+/)?[^/]+)/`)

// addBundled adds the packages in a bundle to names, by the sources in its source map,
// if there is one. Source maps have no versions.
func addBundled(names map[string]bool, sourceMap string) error {
	text, err := os.ReadFile(sourceMap) //nolint:gosec // the builder's own folder
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var bundle struct{ Sources []string }
	if err := json.Unmarshal(text, &bundle); err != nil {
		return fmt.Errorf("%s: %w", sourceMap, err)
	}
	for _, source := range bundle.Sources {
		if found := inPackage.FindStringSubmatch(source); found != nil {
			names[found[1]] = true
		}
	}
	return nil
}

func bundledComponents(names map[string]bool) []any {
	components := []any{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		purl := "pkg:npm/" + strings.Replace(name, "@", "%40", 1)
		component := map[string]string{"type": "library", "name": name, "purl": purl, "bom-ref": purl}
		if group, rest, scoped := strings.Cut(name, "/"); scoped {
			component["group"], component["name"] = group, rest
		}
		components = append(components, component)
	}
	return components
}

// writeSBOM writes the bill of materials to a file.
func writeSBOM(file, npm string) error {
	lock, err := os.ReadFile("package-lock.json")
	if err != nil {
		return err
	}
	text, err := sbom(lock, npm)
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o600) //nolint:gosec // the caller names the file
}
