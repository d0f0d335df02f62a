package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-api/latchkey/shared/dynamo/pages"
	"github.com/latchkey-api/latchkey/shared/token"
)

// AddUser implements token.UserStore. META, the name's item, which keeps the
// name unique, and the directory's, which keeps the id so, come to be in one
// transaction.
func (s *Store) AddUser(ctx context.Context, mint func(id int64) token.User) (token.User, error) {
	for attempt := range races {
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
		reasons, err := s.transact(ctx,
			types.TransactWriteItem{Put: s.putNew(name)},
			types.TransactWriteItem{Put: s.putNew(directory)},
			types.TransactWriteItem{Put: s.putNew(userItem(u))},
		)
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
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table, Key: nameKey(name),
		ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: consumed,
	}, reading)
	if err != nil {
		return token.User{}, fmt.Errorf("find user %s: %w", name, failure(err))
	}
	if len(out.Item) == 0 {
		return token.User{}, token.ErrUserNotFound
	}
	r := reader{item: out.Item}
	found, err := s.users(ctx, r.number(attrUserID))
	if err != nil {
		return token.User{}, err
	}
	return found[0], nil
}

// Users implements token.UserStore.
func (s *Store) Users(ctx context.Context) ([]token.User, error) {
	entries, err := s.query(ctx, directoryPartition, pages.Span{Lo: 1, Hi: token.MaxInteger})
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	const batch = 100 // BatchGetItem takes no more
	var all []token.User
	ids := make([]int64, 0, batch)
	for i := len(entries) - 1; i >= 0; i-- { // a query answers newest first
		r := reader{item: entries[i]}
		if ids = append(ids, r.number(SortKey)); len(ids) < batch && i > 0 {
			continue
		}
		users, err := s.users(ctx, ids...)
		if err != nil {
			return nil, err
		}
		all, ids = append(all, users...), ids[:0]
	}
	return all, nil
}

func (s *Store) users(ctx context.Context, ids ...int64) ([]token.User, error) {
	keys := make([]item, len(ids))
	for i, id := range ids {
		keys[i] = userKey(id)
	}
	found, err := s.batchGet(ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	users := make([]token.User, len(ids))
	for i, id := range ids {
		if users[i], _, err = readUser(found[i], id); err != nil {
			return nil, fmt.Errorf("read user %d: %w", id, err)
		}
	}
	return users, nil
}

// ChangeUser implements token.UserStore.
func (s *Store) ChangeUser(ctx context.Context, u token.User) (token.User, error) {
	e := newExpression()
	e.require(e.name(attrVersion).is(u.Version))
	e.add(attrVersion, 1)
	for attr, value := range operatorAttributes(u) {
		e.set(attr, value)
	}
	out, err := s.client.UpdateItem(ctx, s.updateInput(userKey(u.ID), e))
	if _, refused := conditionRefused(err); refused {
		return token.User{}, token.ErrContention
	}
	if err != nil {
		return token.User{}, fmt.Errorf("change user %s: %w", u.Name, writeFailure(err))
	}
	changed, _, err := readUser(out.Attributes, u.ID)
	return changed, err
}
