package journal

import (
	"errors"
	"os"
)

// DieAt lets the process die at the nth step that it does on the disk, from 1.
func (im *Import) DieAt(step int) { im.disk = disk{mortal: true, steps: step} }

// Alive reports whether it did not.
func (im *Import) Alive() bool { return im.disk.steps > 0 }

// OpenLate opens the files as one that has looked before they were there.
func (im *Import) OpenLate() error {
	b, err := im.openBook()
	if err != nil {
		return err
	}
	return b.close()
}

// LockLate opens the journal, and locks it when something has happened.
func (im *Import) LockLate(meanwhile func()) (err error) {
	b := im.book()
	if b.journal, err = b.disk.open(Path(im.KeysFile), os.O_RDWR|os.O_CREATE); err != nil {
		return err
	}
	meanwhile()
	return errors.Join(b.lock(), b.close())
}
