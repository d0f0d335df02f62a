package journal

import (
	"errors"
	"os"
	"path/filepath"
)

// A disk does the file operations that must survive a crash. A test can simulate
// a crash: the write at which steps reaches 0 is cut short, and every later
// operation fails.
type disk struct {
	crashes bool
	steps   int // operations left before the crash
}

var errCrashed = errors.New("simulated crash")

// step counts one operation. It reports whether the process crashes in it, and
// whether it has crashed before.
func (d *disk) step() (now, before bool) {
	if !d.crashes {
		return false, false
	}
	d.steps--
	return d.steps == 0, d.steps < 0
}

// open opens a file that only its owner can read.
func (d *disk) open(path string, flags int) (*os.File, error) {
	if now, before := d.step(); now || before {
		return nil, errCrashed
	}
	return os.OpenFile(path, flags, 0o600) //nolint:gosec // the user chose the path
}

// append writes content at an offset, makes it the end of the file, and syncs the
// file to the disk.
func (d *disk) append(f *os.File, at int64, content []byte) error {
	now, before := d.step()
	if before {
		return errCrashed
	}
	if now {
		content = content[:len(content)/2]
	}
	if err := f.Truncate(at); err != nil {
		return err
	}
	if _, err := f.WriteAt(content, at); err != nil {
		return err
	}
	if now {
		return errCrashed
	}
	if now, before := d.step(); now || before {
		return errCrashed
	}
	return f.Sync()
}

// remove deletes a file.
func (d *disk) remove(path string) error {
	if now, before := d.step(); now || before {
		return errCrashed
	}
	return os.Remove(path)
}

// syncFolder syncs the folder of a file, so that creating or removing the file
// survives a crash.
func (d *disk) syncFolder(file string) error {
	if now, before := d.step(); now || before {
		return errCrashed
	}
	folder, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
