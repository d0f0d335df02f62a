package main

import (
	"time"

	"github.com/latchkey-api/latchkey/shared/token"
)

// moment is a time in Unix seconds, or token.Never.
type moment int64

// UnmarshalText parses a time with its offset, a day, or the word never.
func (m *moment) UnmarshalText(text []byte) error {
	if string(text) == "never" {
		*m = token.Never
		return nil
	}
	at, err := readMoment(string(text), "2030-01-31", ", or never")
	*m = moment(at.Unix())
	return err
}

// An instant is a time of the past that a flag gives. The zero instant means that the
// flag was not given.
type instant struct{ time.Time }

// UnmarshalText parses a time with its offset, or a day.
func (i *instant) UnmarshalText(text []byte) (err error) {
	i.Time, err = readMoment(string(text), "2026-11-01", "")
	return err
}

// readMoment parses a time with its offset, or a day. The error gives examples for a
// day, and what else the flag takes.
func readMoment(s, day, orElse string) (time.Time, error) {
	at, ok := parseMoment(s)
	if ok {
		return at.UTC(), nil
	}
	if _, ok := parseMoment(s + "Z"); ok {
		return at, problemf("%q has no time zone: add Z for UTC, or an offset, such as %[1]s+02:00", s)
	}
	return at, problemf("%q is not a time: use a time such as %sT12:00:00Z or %[2]sT12:00+02:00, a day such as %[2]s, which means its start in UTC, or %[2]s+02:00%s", s, day, orElse)
}

// parseMoment parses a time with its offset, or a day. A day means its start, in
// UTC if it has no offset: in the local time zone one command would mean different
// moments on different machines.
func parseMoment(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02Z07:00", time.DateOnly} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
