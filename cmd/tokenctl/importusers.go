package main

import (
	"cmp"
	"slices"

	"github.com/latchkey-api/latchkey/cmd/tokenctl/export"
	"github.com/latchkey-api/latchkey/shared/token"
)

// readUsers reads the file of --users. It returns nil if there is none.
func readUsers(name string) (export.Users, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // no map is a valid value
	}
	content, err := readFile(name)
	if err != nil {
		return nil, err
	}
	users, err := export.ReadUsers(content)
	if err != nil {
		return nil, problemf("%s can't be used: %s", name, err)
	}
	return users, nil
}

// A batch is rows for one user, few enough for one transaction.
type batch struct {
	user string
	rows []export.Row
}

// batches returns the rows that can be imported, in their order for each user. user
// gets those that name none.
func (r *reading) batches(user string) ([]batch, error) {
	if user != "" {
		var err error
		if user, err = token.CheckUserName(user); err != nil {
			return nil, err
		}
	}
	byUser := map[string][]export.Row{}
	var users []string
	for _, row := range r.file.Rows {
		if row.Problem != "" || row.Skip != "" {
			continue
		}
		name := cmp.Or(row.User, user)
		if byUser[name] == nil {
			users = append(users, name)
		}
		byUser[name] = append(byUser[name], row)
	}
	var all []batch
	for _, name := range users {
		for rows := range slices.Chunk(byUser[name], token.MaxImport) {
			all = append(all, batch{name, rows})
		}
	}
	return all, nil
}
