package dynamo

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A KEY item has attrUserID and attrTokenID: the address of the token of a foreign
// key. It is no permission: the token decides.
const attrTokenID = "tid"

// The attributes of a TOKEN item with a foreign key.
const (
	attrForeign  = "foreign"  // SHA-256 of the foreign key; stays after a rotation
	attrImported = "imported" // the system that issued it
)

func foreignKeyKey(hash [32]byte) item { return key("K#"+hex.EncodeToString(hash[:]), 0) }

func foreignKeyItem(t token.Token) item {
	it := foreignKeyKey(t.ForeignHash)
	it[attrUserID], it[attrTokenID] = number(t.UserID), number(t.ID)
	return it
}

// FindForeignKey implements gate.ForeignKeys. A process reads the address of a key
// once, also of one that comes without sk-; it reads a key that is not known each
// time, because that may be imported at any moment. The read is eventually
// consistent, so a key can be unknown for a moment after its import.
func (s *Store) FindForeignKey(ctx context.Context, key string) (credential.Key, error) {
	texts := credential.ForeignKeys(key)
	for _, plain := range texts {
		found := credential.ForeignKey(plain, 0, 0)
		if at, known := s.foreign.get(found.Hash()); known {
			found.UserID, found.TokenID = at.UserID, at.ID
			return found, nil
		}
	}
	for _, plain := range texts {
		found := credential.ForeignKey(plain, 0, 0)
		hash := found.Hash()
		it, err := s.getSoon(ctx, foreignKeyKey(hash))
		if err != nil {
			return credential.Key{}, fmt.Errorf("look up a foreign key: %w", err)
		}
		if len(it) == 0 {
			continue
		}
		r := reader{item: it}
		found.UserID, found.TokenID = r.number(attrUserID), r.number(attrTokenID)
		s.foreign.keep(hash, token.Address{UserID: found.UserID, ID: found.TokenID})
		return found, r.err
	}
	return credential.Key{}, quota.ErrKeyUnknown
}

// TokensOfForeignKeys implements token.UserStore.
func (s *Store) TokensOfForeignKeys(ctx context.Context, hashes [][32]byte) ([]token.Address, error) {
	keys := make([]item, len(hashes))
	for i, hash := range hashes {
		keys[i] = foreignKeyKey(hash)
	}
	found, err := s.batchGet(ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("look up foreign keys: %w", err)
	}
	ids := make([]token.Address, len(hashes))
	for i, it := range found {
		r := reader{item: it}
		ids[i] = token.Address{UserID: r.number(attrUserID), ID: r.number(attrTokenID)}
		if r.err != nil {
			return nil, r.err
		}
	}
	return ids, nil
}

// FindHashes implements gate.ForeignKeys. It costs a read unit for each key and one
// for each token, and two round trips for each 100 keys.
func (s *Store) FindHashes(ctx context.Context, hashes [][32]byte, now int64) ([]quota.Ledger, error) {
	at, err := s.TokensOfForeignKeys(ctx, hashes)
	if err != nil {
		return nil, err
	}
	var keys []item
	var known []int // indices of hashes
	for i, a := range at {
		if a.UserID != 0 {
			keys, known = append(keys, tokenKey(a.UserID, a.ID)), append(known, i)
		}
	}
	items, err := s.batchGet(ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("look up tokens of foreign keys: %w", err)
	}
	found := make([]quota.Ledger, len(hashes))
	for n, i := range known {
		l, err := readLedgerOf(items[n], at[i].UserID, hashes[i])
		if err == nil {
			found[i], err = s.supplied(ctx, l, now)
		}
		if err != nil && !errors.Is(err, quota.ErrKeyUnknown) {
			return nil, err
		}
	}
	return found, nil
}

// forgetForeign forgets the address of a key that is not the token's any more. The
// key may have been imported again, as another token.
func (s *Store) forgetForeign(key credential.Key, err error) {
	if errors.Is(err, quota.ErrKeyUnknown) {
		s.foreign.forget(key.Hash())
	}
}

// foreignWrites remove the KEY item of a token that is removed.
func (s *Store) foreignWrites(t token.Token) []write {
	if t.ForeignHash == ([32]byte{}) {
		return nil
	}
	e := newExpression()
	e.require(e.name(PartitionKey).absent() + " OR " + e.name(attrUserID).equals(t.UserID) + " AND " + e.name(attrTokenID).equals(t.ID))
	return []write{s.deleteWrite(foreignKeyKey(t.ForeignHash), e)}
}
