package main

import "runtime/debug"

// version returns the version that the go command recorded in the binary: a
// release tag or a pseudo-version, which ends in +dirty if the source had
// uncommitted changes. Without either it returns devel- and the first 12 digits of
// the commit, or (devel) if the commit is unknown too.
func version(info *debug.BuildInfo, ok bool) string {
	const unknown = "(devel)"
	if !ok {
		return unknown
	}
	if v := info.Main.Version; v != "" && v != unknown {
		return v
	}
	setting := map[string]string{}
	for _, s := range info.Settings {
		setting[s.Key] = s.Value
	}
	revision := setting["vcs.revision"]
	if revision == "" {
		return unknown
	}
	revision = "devel-" + revision[:min(len(revision), 12)]
	if setting["vcs.modified"] == "true" {
		revision += "+dirty"
	}
	return revision
}
