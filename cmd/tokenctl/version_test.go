package main

import (
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

// TestVersion checks that the version comes from the build information alone.
func TestVersion(t *testing.T) {
	vcs := func(revision, modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: modified}}
	}
	const commit = "0123456789abcdef0123456789abcdef01234567"
	for name, c := range map[string]struct {
		main     string
		settings []debug.BuildSetting
		want     string
	}{
		"release":      {"v0.1.0", vcs(commit, "false"), "v0.1.0"},
		"pseudo":       {"v0.1.1-0.20260101000000-0123456789ab+dirty", vcs(commit, "true"), "v0.1.1-0.20260101000000-0123456789ab+dirty"},
		"commit":       {"(devel)", vcs(commit, "false"), "devel-0123456789ab"},
		"dirty_commit": {"", vcs(commit, "true"), "devel-0123456789ab+dirty"},
		"unknown":      {"(devel)", nil, "(devel)"},
	} {
		t.Run(name, func(t *testing.T) {
			info := &debug.BuildInfo{Main: debug.Module{Version: c.main}, Settings: c.settings}
			if got := version(info, true); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if got := version(nil, false); got != "(devel)" {
		t.Errorf("without build information: got %q, want (devel)", got)
	}
}

// TestVersionFlag checks --version of a real build against `go version -m`.
func TestVersionFlag(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "tokenctl")
	for _, buildVCS := range []string{"auto", "false"} {
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs="+buildVCS, "-o", binary, ".").CombinedOutput(); err != nil { //nolint:gosec // the test's own paths
			t.Fatalf("go build: %v\n%s", err, out)
		}
		got, err := exec.CommandContext(t.Context(), binary, "--version").Output() //nolint:gosec // built above
		if err != nil {
			t.Fatal(err)
		}
		info, err := exec.CommandContext(t.Context(), "go", "version", "-m", binary).Output() //nolint:gosec // built above
		if err != nil {
			t.Fatal(err)
		}
		if want := "\tmod\tgithub.com/latchkey-api/latchkey\t" + strings.TrimSpace(string(got)); len(got) == 0 || !strings.Contains(string(info), want) {
			t.Errorf("-buildvcs=%s: got version %q, want the one in:\n%s", buildVCS, got, info)
		}
	}
}
