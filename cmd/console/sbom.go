package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// sbom returns a bill of materials of the console, in CycloneDX 1.6, from the text of
// package-lock.json: the npm packages in what it serves. What their authors have bundled
// in swagger-ui-dist is listed only in its LICENSE.txt.
// https://cyclonedx.org/docs/1.6/json/
func sbom(lock []byte) ([]byte, error) {
	var locked struct {
		Packages map[string]struct{ Version, License, Integrity string }
	}
	if err := json.Unmarshal(lock, &locked); err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for file := range libraries() {
		name, _, _ := strings.Cut(file, "/")
		names[name] = true
	}
	components := []any{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		p := locked.Packages["node_modules/"+name]
		algorithm, sum, _ := strings.Cut(p.Integrity, "-")
		hash, err := base64.StdEncoding.DecodeString(sum)
		if err != nil || algorithm != "sha512" || p.Version == "" || p.License == "" {
			return nil, fmt.Errorf("package-lock.json has no version, licence and SHA-512 of %s (%w)", name, err)
		}
		purl := "pkg:npm/" + name + "@" + p.Version
		components = append(components, map[string]any{
			"type": "library", "name": name, "version": p.Version, "purl": purl, "bom-ref": purl,
			"licenses": []any{map[string]any{"license": map[string]string{"id": p.License}}},
			"hashes":   []any{map[string]string{"alg": "SHA-512", "content": hex.EncodeToString(hash)}},
		})
	}
	const schema = "http://cyclonedx.org/schema/bom-1.6.schema.json"
	return json.MarshalIndent(map[string]any{
		"$schema": schema, "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components,
		"metadata": map[string]any{"component": map[string]string{"type": "application", "name": "latchkey-console", "bom-ref": "latchkey-console"}},
	}, "", "  ")
}

// writeSBOM writes the bill of materials to a file.
func writeSBOM(file string) error {
	lock, err := os.ReadFile("package-lock.json")
	if err != nil {
		return err
	}
	text, err := sbom(lock)
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o600) //nolint:gosec // the caller names the file
}
