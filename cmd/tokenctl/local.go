package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/engine"
)

// A dataDir is where the local server keeps its data, locked for this
// process.
type dataDir struct {
	path string
	lock *os.File
}

// openDataDir makes the folder if need be, for its owner only, and locks it.
// The lock ends with the process, however that ends.
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
		return nil, problemf("another `tokenctl serve` uses the data in %s: stop it, or set DATA_DIR to another folder", path)
	}
	return nil, unusable(path, err)
}

func unusable(path string, err error) error {
	return problemf("DATA_DIR %s can't be used (%s): make it a folder that you can write to, or set DATA_DIR to another", path, reason(err))
}

// close unlocks the folder.
func (d *dataDir) close() { _ = d.lock.Close() }

func (d *dataDir) engineFile() string      { return filepath.Join(d.path, "engine.db") }
func (d *dataDir) accessTokenFile() string { return filepath.Join(d.path, "access-token") }

// accessToken reads the stored access token; ok is whether there is one.
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

// keep stores an access token for its owner only, whole or not at all.
func (d *dataDir) keep(at credential.AccessToken) error {
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

// findEngine looks for the engine's binary where `make tools` puts it: in
// the project that this program was built in, or that it is called from.
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
	return "", problemf("the local DynamoDB engine is not in node_modules/ of this folder or one above: run `make tools` in the project, or set DYNAMODB_ENDPOINT to an engine that you have")
}

// startEngine runs the engine on the folder's file.
func (d *dataDir) startEngine(ctx context.Context, binary string) (*engine.Engine, error) {
	if binary == "" {
		found, err := findEngine()
		if err != nil {
			return nil, err
		}
		binary = found
	}
	const within = 6 * time.Second
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	e, err := engine.Start(limited, binary, d.engineFile())
	switch {
	case err == nil:
		return e, nil
	case errors.Is(err, engine.ErrMissing):
		return nil, problemf("there is no DynamoDB engine at %s: run `make tools`, or give --engine another path, or set DYNAMODB_ENDPOINT to an engine that you have", binary)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, problemf("the DynamoDB engine %s does not answer: check that it runs, and that %s is a file of its own", binary, d.engineFile())
	default:
		return nil, problemf("the DynamoDB engine %s did not start (%s): check that it runs, and that %s is a file of its own", binary, sentence(err), d.engineFile())
	}
}
