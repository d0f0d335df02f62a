package period_test

import (
	"archive/zip"
	"bytes"
	"go/version"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/latchkey-api/latchkey/shared/period"
)

// Every time zone of the embedded file can be loaded, and the file is read as
// archive/zip reads it.
func TestZones(t *testing.T) {
	data, err := period.Data()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files, err := period.ReadZones()
	if err != nil || len(files) != len(archive.File) || len(files) < 500 {
		t.Fatalf("got %d files, error %v, want %d, at least 500", len(files), err, len(archive.File))
	}
	zones := period.Zones()
	for _, file := range archive.File {
		reader, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(files[file.Name], want) {
			t.Errorf("%s: the content is not what archive/zip reads", file.Name)
		}
		if zones[file.Name] == nil {
			t.Errorf("%s can't be loaded", file.Name)
		}
	}
}

// The embedded time zones are those of the Go version in go.mod.
func TestZonesAreUpToDate(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.GoVersion}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "go" + strings.TrimSpace(string(out))
	if got := runtime.Version(); version.Lang(got) != version.Lang(want) {
		if os.Getenv("CI") != "" {
			t.Fatalf("go.mod names %s, but this is %s: run the tests with the version that go.mod names", want, got)
		}
		t.Skipf("go.mod names %s, but this is %s", want, got)
	}
	out, err = exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	installed, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	if data, err := period.Data(); err != nil || !bytes.Equal(data, installed) {
		t.Errorf("the time zones (error %v) are not those of %s: install the newest Go %s and run go generate ./shared/period", err, runtime.Version(), want[2:])
	}
}

// Windows do not depend on the time zones of the machine or on ZONEINFO: the
// windows of TestBounds are the same where Berlin has the time of UTC.
func TestMachineZonesHaveNoEffect(t *testing.T) {
	files, err := period.ReadZones()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "Europe"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Europe", "Berlin"), files["Etc/UTC"], 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBounds$") //nolint:gosec // this test program
	cmd.Env = append(os.Environ(), "ZONEINFO="+dir, "TZ=Asia/Tokyo")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// A time zone is parsed once, not for each window.
func TestZonesAreCached(t *testing.T) {
	p := period.Period{Length: period.Month, Timezone: "Europe/Berlin"}
	if n := testing.AllocsPerRun(100, func() { p.Bounds(1_800_000_000) }); n > 1 {
		t.Errorf("got %g allocations, want at most 1", n)
	}
}
