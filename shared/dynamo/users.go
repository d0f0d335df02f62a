package dynamo

import (
	"context"
	"fmt"
	"slices"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/history"
	"github.com/latchkey-api/latchkey/shared/token"
)

// AddUser implements token.UserStore. One transaction stores META, the NAME
// item, which keeps the name unique, and the directory item, which keeps the
// id unique.
func (s *Store) AddUser(ctx context.Context, mint func(id int64) token.User) (token.User, error) {
	for attempt := range maxCreateAttempts {
		last, err := s.query(ctx, directoryPartition, pages.Span{Lo: 1, Hi: token.MaxInteger, Limit: 1})
		if err != nil {
			return token.User{}, fmt.Errorf("find the last user: %w", err)
		}
		id := int64(1)
		if len(last) > 0 {
			r := reader{item: last[0]}
			id = r.number(SortKey) + 1
		}
		u := mint(id)
		name, directory := nameKey(u.Name), directoryKey(id)
		name[attrUserID] = number(id)
		directory[attrName] = text(u.Name)
		meta := userItem(u)
		meta[attrNote] = operatorOf(ctx).note(history.UserCreated)
		reasons, err := s.transact(ctx, s.putNew(name), s.putNew(directory), s.putNew(meta))
		switch {
		case err == nil:
			return u, nil
		case reasons == nil:
			return token.User{}, fmt.Errorf("add user %s: %w", u.Name, err)
		case reasons[0].failed:
			return token.User{}, token.ErrUserExists
		}
		if err := pause(ctx, attempt); err != nil {
			return token.User{}, err
		}
	}
	return token.User{}, token.ErrContention
}

// FindUser implements token.UserStore.
func (s *Store) FindUser(ctx context.Context, name string) (token.User, error) {
	it, err := s.get(ctx, nameKey(name))
	if err != nil {
		return token.User{}, fmt.Errorf("find user %s: %w", name, err)
	}
	if len(it) == 0 {
		return token.User{}, token.ErrUserNotFound
	}
	r := reader{item: it}
	return s.userByID(ctx, r.number(attrUserID))
}

// userByID reads a user. A deleted one is token.ErrUserNotFound.
func (s *Store) userByID(ctx context.Context, id int64) (token.User, error) {
	found, err := s.readUsers(ctx, id)
	if err != nil {
		return token.User{}, err
	}
	if len(found) == 0 {
		return token.User{}, token.ErrUserNotFound
	}
	return found[0], nil
}

// Users implements token.UserStore.
func (s *Store) Users(ctx context.Context) ([]token.User, error) {
	entries, err := s.query(ctx, directoryPartition, pages.Span{Lo: 1, Hi: token.MaxInteger})
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	var ids []int64
	for _, it := range entries {
		r := reader{item: it}
		if r.has(attrName) { // else the user was deleted
			ids = append(ids, r.number(SortKey))
		}
	}
	slices.Reverse(ids) // a query returns the newest first
	return s.readUsers(ctx, ids...)
}

// UserIDs returns the ids of all users, also of deleted ones, newest first.
func (s *Store) UserIDs(ctx context.Context) ([]int64, error) {
	entries, err := s.query(ctx, directoryPartition, pages.Span{Lo: 1, Hi: token.MaxInteger})
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	ids := make([]int64, len(entries))
	for i, it := range entries {
		r := reader{item: it}
		ids[i] = r.number(SortKey)
	}
	return ids, nil
}

// readUsers leaves out users who were deleted in the meantime.
func (s *Store) readUsers(ctx context.Context, ids ...int64) ([]token.User, error) {
	keys := make([]item, len(ids))
	for i, id := range ids {
		keys[i] = userKey(id)
	}
	found, err := s.batchGet(ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	users := make([]token.User, 0, len(ids))
	for i, id := range ids {
		u, _, err := readUser(found[i], id)
		if err != nil {
			return nil, fmt.Errorf("read user %d: %w", id, err)
		}
		if u.Name != "" {
			users = append(users, u)
		}
	}
	return users, nil
}

// ChangeUser implements token.UserStore.
func (s *Store) ChangeUser(ctx context.Context, u token.User) (token.User, error) {
	e := newExpression()
	e.require(e.name(attrVersion).equals(u.Version))
	e.add(attrVersion, 1)
	for attr, value := range operatorAttributes(u) {
		e.set(attr, value)
	}
	e.set(attrNote, operatorOf(ctx).note(history.UserUpdated))
	found, applied, err := s.update(ctx, userKey(u.ID), e, retryNotApplied())
	if err != nil {
		return token.User{}, fmt.Errorf("change user %s: %w", u.Name, err)
	}
	if !applied {
		return token.User{}, token.ErrContention
	}
	changed, _, err := readUser(found, u.ID)
	return changed, err
}
