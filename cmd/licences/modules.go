package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
)

// A dependency is a package, as `go list -json` describes it.
type dependency struct {
	ImportPath, Dir string
	Module          *module
}

type module struct {
	Path, Version, Dir string
	Main               bool
}

// dependencies returns all packages that the packages contain on a platform.
func dependencies(platform string, packages []string) (all []dependency, err error) {
	list, err := goCommand(platform, append([]string{"list", "-deps", "-json=ImportPath,Dir,Module"}, packages...)...)
	if err != nil {
		return nil, err
	}
	for from := json.NewDecoder(bytes.NewReader(list)); ; {
		var d dependency
		switch err := from.Decode(&d); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		case d.Module != nil && !d.Module.Main:
			all = append(all, d)
		}
	}
}

// goCommand returns the output of a go command for a platform.
func goCommand(platform string, args ...string) ([]byte, error) {
	command := exec.Command("go", args...) //nolint:gosec,noctx // arguments of this program; ends by itself
	command.Env, command.Stderr = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+platform), os.Stderr
	return command.Output()
}

var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([-._].*)?$`)

// addFiles adds the files with the licences of packages, by module: those in the
// folder of each package and in the folders above it, up to the module's. A module
// needs one in its own folder.
func addFiles(all map[string][]string, packages []dependency) error {
	for _, d := range packages {
		name := d.Module.Path + " " + d.Module.Version
		for folder := d.Dir; ; folder = filepath.Dir(folder) {
			found, err := licenceFiles(folder)
			if err != nil {
				return err
			}
			all[name] = append(all[name], found...)
			if folder != d.Module.Dir {
				continue
			}
			if len(found) == 0 {
				return fmt.Errorf("%s has no licence in %s", name, folder)
			}
			break
		}
		slices.Sort(all[name])
		all[name] = slices.Compact(all[name])
	}
	return nil
}

// licenceFiles returns the files of a folder that contain a licence.
func licenceFiles(folder string) (files []string, err error) {
	entries, err := os.ReadDir(folder)
	for _, e := range entries {
		if !e.IsDir() && licenceName.MatchString(e.Name()) && filepath.Ext(e.Name()) != ".go" {
			files = append(files, filepath.Join(folder, e.Name()))
		}
	}
	return files, err
}

// texts returns all texts: each once, below the names of all that it applies to.
func texts(all map[string][]string) ([]byte, error) {
	var out bytes.Buffer
	names := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, file := range all[name] {
			text, err := os.ReadFile(file) //nolint:gosec // of a module
			if err != nil {
				return nil, err
			}
			text = bytes.TrimSpace(bytes.ReplaceAll(text, []byte("\r"), nil))
			names[string(text)] = append(names[string(text)], name)
		}
	}
	sorted := slices.SortedFunc(maps.Keys(names), func(a, b string) int { return slices.Compare(append(names[a], a), append(names[b], b)) })
	for _, text := range sorted {
		for _, name := range slices.Compact(names[text]) {
			fmt.Fprintf(&out, "===== %s\n", name)
		}
		fmt.Fprintf(&out, "\n%s\n\n", text)
	}
	return out.Bytes(), nil
}
