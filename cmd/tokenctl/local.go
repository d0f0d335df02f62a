package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/engine"
)

// A dataDir is the folder with the data of the local server. This process holds
// its lock.
type dataDir struct {
	path string
	lock *os.File
}

// openDataDir creates the folder if it is missing, readable by its owner alone,
// and locks it. The operating system releases the lock when the process ends,
// even if it is killed.
func openDataDir(path string) (*dataDir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, unusable(path, err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator's own folder
	if err != nil {
		return nil, unusable(path, err)
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &dataDir{path, lock}, nil
	}
	_ = lock.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, problemf("another `tokenctl serve` is using the data in %s: stop it, or set DATA_DIR to another folder", path)
	}
	return nil, unusable(path, err)
}

// unusable is the error for a data folder that can't be read or written.
func unusable(path string, err error) error {
	return problemf("DATA_DIR %s is not usable (%s): make it a folder that you can write to, or set DATA_DIR to another folder", path, reason(err))
}

// close unlocks the folder.
func (d *dataDir) close() { _ = d.lock.Close() }

func (d *dataDir) engineFile() string      { return filepath.Join(d.path, "engine.db") }
func (d *dataDir) accessTokenFile() string { return filepath.Join(d.path, "access-token") }

// accessToken returns the saved access token. ok is false if there is none or if
// the file holds something else.
func (d *dataDir) accessToken() (at credential.AccessToken, ok bool, err error) {
	content, err := os.ReadFile(d.accessTokenFile())
	if errors.Is(err, os.ErrNotExist) {
		return credential.AccessToken{}, false, nil
	}
	if err == nil {
		err = os.Chmod(d.accessTokenFile(), 0o600)
	}
	if err != nil {
		return credential.AccessToken{}, false, unusable(d.path, err)
	}
	at, malformed := credential.ParseAccessToken(strings.TrimSpace(string(content)))
	return at, malformed == nil, nil
}

// saveAccessToken replaces the saved access token. The file is readable by its
// owner alone and is never left half-written.
func (d *dataDir) saveAccessToken(at credential.AccessToken) error {
	draft, err := os.CreateTemp(d.path, "access-token-*") // its mode is 0600
	if err != nil {
		return unusable(d.path, err)
	}
	_, err = draft.WriteString(at.Reveal() + "\n")
	if err = errors.Join(err, draft.Close()); err == nil {
		err = os.Rename(draft.Name(), d.accessTokenFile())
	}
	if err != nil {
		_ = os.Remove(draft.Name())
		return unusable(d.path, err)
	}
	return nil
}

// findEngine returns the path of the engine's binary that `make tools` installed
// in the project of this program or of the working directory.
func findEngine() (string, error) {
	var starts []string
	if program, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(program))
	}
	if here, err := os.Getwd(); err == nil {
		starts = append(starts, here)
	}
	for _, dir := range starts {
		for up := ""; dir != up; up, dir = dir, filepath.Dir(dir) {
			if info, err := os.Stat(engine.Path(dir)); err == nil && info.Mode().IsRegular() {
				return engine.Path(dir), nil
			}
		}
	}
	return "", problemf("the local DynamoDB engine was not found in node_modules/ of this folder or of a folder above it: run `make tools` in the project, or set DYNAMODB_ENDPOINT to the URL of a running engine")
}

// startEngine starts the engine on the folder's database file. If binary is
// empty, it finds the engine by itself.
func (d *dataDir) startEngine(ctx context.Context, binary string) (*engine.Engine, error) {
	if binary == "" {
		found, err := findEngine()
		if err != nil {
			return nil, err
		}
		binary = found
	}
	if err := d.checkEngineFile(); err != nil {
		return nil, err
	}
	const timeout = 6 * time.Second
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	e, err := engine.Start(limited, binary, d.engineFile())
	switch {
	case err == nil:
		return e, nil
	case errors.Is(err, engine.ErrMissing):
		return nil, problemf("there is no DynamoDB engine at %s: run `make tools`, set --engine to another path, or set DYNAMODB_ENDPOINT to the URL of a running engine", binary)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, problemf("the DynamoDB engine %s does not respond: check that it can run and that no other program uses %s", binary, d.engineFile())
	default:
		return nil, problemf("the DynamoDB engine %s did not start (%s): check that it can run and that no other program uses %s; %s", binary, sentence(err), d.engineFile(), ifDamaged)
	}
}

// ifDamaged says what to do about a damaged database file.
const ifDamaged = "if that file is damaged, replace it with a copy, or move it and its -wal and -shm files away to begin with an empty table"

// checkEngineFile returns an error if something that can't be read and written is
// in the place of the database file.
func (d *dataDir) checkEngineFile() error {
	f, err := os.OpenFile(d.engineFile(), os.O_RDWR, 0)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return problemf("the database file %s is not usable (%s): make it a file that you can read and write, or set DATA_DIR to another folder", d.engineFile(), reason(err))
	default:
		return f.Close()
	}
}

// explain is database.explain for a command that started the engine itself: if the
// engine fails, its file is the likely cause, and no endpoint is to be checked.
func (d *dataDir) explain(back *backend, err error, user string) error {
	var failed interface {
		HTTPStatusCode() int
		Unwrap() error
	}
	if back.engine == nil || !errors.As(err, &failed) || failed.HTTPStatusCode() < http.StatusInternalServerError {
		return back.db.explain(err, user)
	}
	return problemf("the DynamoDB engine failed on the data in %s (%s): run `tokenctl serve` again; %s", d.engineFile(), sentence(failed.Unwrap()), ifDamaged)
}
