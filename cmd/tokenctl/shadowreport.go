package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/credential"
)

// The kinds of differences.
const (
	looser   = "looser"       // Latchkey allows more than the other system; the dangerous one
	stricter = "stricter"     // Latchkey allows less
	usedHere = "used"         // less is left by what was used in Latchkey; not counted as a difference
	unclear  = "not_compared" // the answer of the other system is not known
)

// A difference is one question to which the two systems give different answers.
type difference struct {
	Row   int    `json:"row,omitempty"`
	Line  int    `json:"line,omitempty"`
	Token int64  `json:"token,omitempty"` // ID, if the file does not have the key
	Key   string `json:"key"`             // the mask
	Kind  string `json:"kind"`
	What  string `json:"what"`
	There string `json:"there"`
	Here  string `json:"here"`

	problem string // a part of There: why a row can't be imported
}

// A tally counts keys by the worst kind of their differences. --json prints it.
type tally struct {
	Dialect     string       `json:"dialect"`
	Keys        int          `json:"keys"`
	Same        int          `json:"same"`
	Looser      int          `json:"looser"`
	Stricter    int          `json:"stricter"`
	Used        int          `json:"used"`
	NotCompared int          `json:"not_compared"`
	Differences []difference `json:"differences"`
}

// count adds the differences of one key.
func (t *tally) count(all ...difference) {
	t.Keys++
	t.Differences = append(t.Differences, all...)
	has := map[string]bool{}
	for _, d := range all {
		has[d.Kind] = true
	}
	switch {
	case has[looser]:
		t.Looser++
	case has[unclear]:
		t.NotCompared++
	case has[stricter]:
		t.Stricter++
	case has[usedHere]:
		t.Used++
	default:
		t.Same++
	}
}

// report prints the differences and returns an error if there are any.
func (s *shadow) report(out *console) error {
	differ := s.Looser + s.Stricter + s.NotCompared
	var err error
	if s.JSON {
		err = out.printJSON(s.tally)
	} else {
		err = out.print(s.text())
		for _, note := range s.notes() {
			out.note(note)
		}
	}
	if err != nil || differ == 0 {
		return err
	}
	return problemf("different answers for %d of %s, %d of them looser in Latchkey: %s", differ, counted(s.Keys, "key"), s.Looser, s.advice())
}

func (s *shadow) text() string {
	var text strings.Builder
	missing := s.missing()
	for _, d := range s.Differences {
		if len(missing) > 1 && s.isMissing(d) {
			continue
		}
		where := export.Row{Number: d.Row, Line: d.Line}.Place()
		if d.Token != 0 {
			where = fmt.Sprintf("token %d", d.Token)
		}
		kind := map[string]string{looser: "LOOSER", usedHere: "used here", unclear: "not compared"}[d.Kind]
		answer := d.What + ": " + d.There + " there, " + d.Here + " here"
		if d.Kind == unclear {
			answer = d.There
		}
		if d.problem != "" {
			answer = strings.Replace(answer, d.problem, brief(d.problem), 1)
		}
		_, _ = fmt.Fprintf(&text, "%s, %s: %s: %s\n", where, d.Key, cmp.Or(kind, d.Kind), visible(credential.Redact(answer))) // a Builder never fails
	}
	if len(missing) > 1 {
		_, _ = text.WriteString(s.missingText(missing))
	}
	_, _ = fmt.Fprintf(&text, "%s compared, of an export of %s. The same: %d. Looser here: %d. Stricter here: %d. Used here: %d. Not compared: %d.\n",
		counted(s.Keys, "key"), s.Dialect, s.Same, s.Looser, s.Stricter, s.Used, s.NotCompared)
	return text.String()
}

// counted returns a number and what it counts, in the singular or the plural.
func counted[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
