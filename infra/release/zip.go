package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// zipFile returns a zip with one file that anybody may execute. The same file
// makes the same bytes: a zip without times, owners and other modes.
func zipFile(file string) ([]byte, error) {
	text, err := os.ReadFile(file) //nolint:gosec // a file of the project
	if err != nil {
		return nil, err
	}
	var zipped bytes.Buffer
	archive := zip.NewWriter(&zipped)
	header := &zip.FileHeader{Name: filepath.Base(file), Method: zip.Deflate}
	header.SetMode(0o755)
	entry, err := archive.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := entry.Write(text); err != nil {
		return nil, err
	}
	err = archive.Close()
	return zipped.Bytes(), err
}

// zipName names a zip after its content. CloudFormation updates a function only if
// the name of its code changes.
func zipName(function string, zipped []byte) string {
	sum := sha256.Sum256(zipped)
	return function + "-" + hex.EncodeToString(sum[:8]) + ".zip"
}

// writeChecksums writes the SHA-256 of every file of a folder, as sha256sum -c
// reads them.
func writeChecksums(folder string) error {
	var lines strings.Builder
	err := fs.WalkDir(os.DirFS(folder), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(folder, path)) //nolint:gosec // just written
		fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256(text), path)
		return err
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "SHA256SUMS"), []byte(lines.String()), 0o600)
}
