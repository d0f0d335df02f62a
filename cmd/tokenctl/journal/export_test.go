package journal

import (
	"errors"
	"os"
)

// CrashAt simulates a crash at the nth file operation, counted from 1.
func (im *Import) CrashAt(step int) { im.disk = disk{crashes: true, steps: step} }

// Survived reports whether the import ended before the simulated crash.
func (im *Import) Survived() bool { return im.disk.steps > 0 }

// OpenUnchecked opens the files as a process that has checked for them before
// another process created them.
func (im *Import) OpenUnchecked() error {
	b, err := im.openBook()
	if err != nil {
		return err
	}
	return b.close()
}

// LockAfter opens the journal, calls meanwhile, and then locks the journal.
func (im *Import) LockAfter(meanwhile func()) (err error) {
	b := im.book()
	if b.journal, err = b.disk.open(Path(im.KeysFile), os.O_RDWR|os.O_CREATE); err != nil {
		return err
	}
	meanwhile()
	return errors.Join(b.lock(), b.close())
}
