package journal

import (
	"errors"
	"os"
	"path/filepath"
)

// A disk does what must outlive the process. A test lets it die: before the
// step that falls on 0 its last write is torn, and after it nothing is done.
type disk struct {
	mortal bool
	steps  int
}

var errDied = errors.New("the process died")

// step reports whether the process dies now, and whether it is dead.
func (d *disk) step() (dies, dead bool) {
	if !d.mortal {
		return false, false
	}
	d.steps--
	return d.steps == 0, d.steps < 0
}

func (d *disk) open(path string, flags int) (*os.File, error) {
	if dies, dead := d.step(); dies || dead {
		return nil, errDied
	}
	return os.OpenFile(path, flags, 0o600) //nolint:gosec // the user names it
}

// append makes content the end of a file, from a place on, for sure.
func (d *disk) append(f *os.File, at int64, content []byte) error {
	dies, dead := d.step()
	if dead {
		return errDied
	}
	if dies {
		content = content[:len(content)/2]
	}
	if err := f.Truncate(at); err != nil {
		return err
	}
	if _, err := f.WriteAt(content, at); err != nil || dies {
		return errors.Join(err, died(dies))
	}
	if dies, dead := d.step(); dies || dead {
		return errDied
	}
	return f.Sync()
}

func died(dies bool) error {
	if dies {
		return errDied
	}
	return nil
}

func (d *disk) remove(path string) error {
	if dies, dead := d.step(); dies || dead {
		return errDied
	}
	return os.Remove(path)
}

// syncFolder makes sure that a file's name is on the disk, too.
func (d *disk) syncFolder(file string) error {
	if dies, dead := d.step(); dies || dead {
		return errDied
	}
	folder, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
