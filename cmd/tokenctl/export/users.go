package export

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/latchkey-api/latchkey/shared/token"
)

// Users maps users of another system, by ID or name, to users of Latchkey.
type Users map[string]string

// ReadUsers reads CSV with the header row source,user, or a JSON object such as
// {"3":"alice"}. The error is one sentence without a full stop, with "it" for the
// file.
func ReadUsers(content []byte) (Users, error) {
	content, err := asUTF8(content)
	if err != nil {
		return nil, err
	}
	users, read := Users{}, Users.readCSV
	switch first := bytes.TrimLeft(content, " \t\r\n"); {
	case bytes.HasPrefix(first, []byte("{")):
		read = Users.readJSON
	case bytes.HasPrefix(first, []byte("[")):
		return nil, errors.New(`it is a JSON list: it must be an object such as {"3":"alice"}, or CSV with the header source,user`)
	}
	if err := read(users, content); err != nil {
		return nil, err
	}
	if len(users) == 0 {
		return nil, errors.New("it maps no user: add one line for each user of the other system")
	}
	return users, nil
}

func (u Users) readCSV(content []byte) error {
	const source, user = "source", "user"
	records, err := splitCSV(content)
	if err != nil {
		return err
	}
	for _, r := range records {
		columns := map[string]any{}
		for name, v := range r.fields {
			columns[strings.ToLower(name)] = v
		}
		_, hasSource := columns[source]
		_, hasUser := columns[user]
		switch {
		case r.problem != "":
			return fmt.Errorf("in line %d %s", r.line, r.problem)
		case !hasSource || !hasUser || len(columns) != 2:
			return errors.New("its first line must be source,user: the ID or name of a user in the other system, and the user of Latchkey")
		}
		if err := u.add(columns[source], columns[user]); err != nil {
			return fmt.Errorf("line %d %w", r.line, err)
		}
	}
	return nil
}

func (u Users) readJSON(content []byte) error {
	values, err := newJSONReader(content).values()
	if err != nil {
		return err
	}
	o, _ := values[0].(*object) // it begins with a brace
	if len(values) != 1 || o.twice {
		return errors.New(`it must be one JSON object such as {"3":"alice"}, with each user of the other system once`)
	}
	for source, user := range o.fields {
		if err := u.add(source, user); err != nil {
			return fmt.Errorf("a field of it %w", err)
		}
	}
	return nil
}

// add adds a user. The error continues a sentence that begins with the place.
func (u Users) add(source, user any) error {
	from, _ := source.(string)
	to, _ := user.(string)
	from, to = strings.TrimSpace(from), strings.TrimSpace(to)
	if from == "" || to == "" {
		return errors.New("must have the ID or name of a user in the other system, and the user of Latchkey")
	}
	if _, err := token.CheckUserName(to); err != nil {
		return fmt.Errorf("names a user that Latchkey can't have: %w", err)
	}
	if _, twice := u[from]; twice {
		return errors.New("has a user of the other system that it has already: remove one")
	}
	u[from] = to
	return nil
}

// find returns the user of Latchkey who gets a token, or a problem, and the owner whom the
// problem names if there is no line for it. A user cannot
// get the tokens of another by a name that is the other's ID.
func (u Users) find(d dialect, values map[string]any) (user, column, problem, owner string) {
	for _, group := range d.owners {
		var shown []string
		for i, name := range group {
			v := values[name]
			if isEmpty(v) {
				continue
			}
			s, ok := asText(v)
			if !ok || isNoValue(s) {
				return "", name, name + " must be the ID or name of a user", ""
			}
			shown, column = append(shown, valueShown(v)), name
			to := u[s]
			if i > 0 && strings.Trim(s, "0123456789") == "" {
				to = ""
			}
			if to != "" && user != "" && to != user {
				return "", name, "its user has two lines in the file of --users, by ID and by name, and they name different users: remove one", ""
			}
			user = cmp.Or(user, to)
		}
		switch {
		case user != "":
			return user, "", "", ""
		case len(shown) > 0 && len(group) > 1 && len(shown) < 2 && u.hasNames():
			return "", column, fmt.Sprintf("its user %s is not in the file of --users, and the export has no names of users: add a line for that user with the ID", shown[0]), shown[0]
		case len(shown) > 0:
			owner = strings.Join(shown, ", ")
			return "", column, fmt.Sprintf("its user %s is not in the file of --users: add a line for that user", owner), owner
		}
	}
	return "", "", "the file does not say whose it is: import it with --user from a file of its own", ""
}

// hasNames reports whether a line has a user's name in place of an ID.
func (u Users) hasNames() bool {
	for source := range u {
		if strings.Trim(source, "0123456789") != "" {
			return true
		}
	}
	return false
}
