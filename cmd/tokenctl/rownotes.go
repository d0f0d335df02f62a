package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
)

// rowNotes is what there is to say about rows, in the order of the first row of each
// cause.
type rowNotes struct {
	every  bool // name every row that has an error, because it is left out
	causes []cause
	rows   map[cause][]export.Row
	owners map[cause][]string // whom --users lacks
}

// rowError begins the message of a row that is not imported.
const rowError = "error: "

// itsUser begins the part of a message that names the owner of a token.
const itsUser = "its user "

// A cause is a message about rows, and the column that it is about, if any.
type cause struct{ text, column string }

func (n *rowNotes) add(row export.Row, text string) {
	c := cause{text, row.Column}
	if n.rows == nil {
		n.rows, n.owners = map[cause][]export.Row{}, map[cause][]string{}
	}
	if row.Owner != "" {
		c.text = strings.Replace(text, itsUser+row.Owner+" is", itsUser+"is", 1)
		if !slices.Contains(n.owners[c], row.Owner) {
			n.owners[c] = append(n.owners[c], row.Owner)
		}
	}
	if n.rows[c] == nil {
		n.causes = append(n.causes, c)
	}
	n.rows[c] = append(n.rows[c], row)
}

// print prints one line for each cause.
func (n *rowNotes) print(out *console) {
	for _, c := range n.causes {
		most := 5 // rows that are named
		if n.every && strings.HasPrefix(c.text, rowError) {
			most = len(n.rows[c])
		}
		where := places(n.rows[c], most)
		if c.column != "" {
			where += ", column " + c.column
		}
		text := c.text
		switch owners := n.owners[c]; len(owners) {
		case 0:
		case 1:
			text = strings.Replace(text, itsUser+"is", itsUser+owners[0]+" is", 1)
		default:
			text = strings.Replace(text, itsUser+"is", "the users "+strings.Join(owners, ", ")+" are", 1)
			text = strings.Replace(text, "for that user", "for each", 1)
		}
		out.note(fmt.Sprintf("%s: %s.", where, text))
	}
}

// places names one row, or counts several and names the first ones.
func places(rows []export.Row, most int) string {
	if len(rows) == 1 {
		return rows[0].Place()
	}
	var first []string
	for _, row := range rows[:min(len(rows), most)] {
		first = append(first, strconv.Itoa(row.Number))
	}
	if len(rows) > most {
		first = append(first, "…")
	}
	kind := "rows"
	if rows[0].Line == 0 {
		kind = "IDs"
	}
	return fmt.Sprintf("%d %s (%s)", len(rows), kind, strings.Join(first, ", "))
}
