package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// MaxImport is the largest number of tokens that one ImportTokens makes.
const MaxImport = 40

// A ForeignToken is a token that keeps the key that another system has issued for
// it.
type ForeignToken struct {
	Settings
	Hash      [32]byte // SHA-256 of the whole key, as its clients send it
	Mask      string   // what is shown of the key
	From      string   // the system, in a few small letters: "litellm"
	UsedQuota int64    // units charged there
}

// An Address says where a token is.
type Address struct{ UserID, ID int64 }

// ImportTokens makes tokens with foreign keys for a user: all or none of them. It
// is for the operator: how fast a user may create tokens does not matter, but how
// many it may have, and its policy, do. A key that a token of the user has already
// was imported before and is left alone, so an import can be repeated. made has
// the tokens by the index of their input, with the ID alone if it was there before.
//
// Invalid settings are an *IndexError. A key of another user's token is an
// *IndexError that wraps ErrKeyTaken.
func (s *UserService) ImportTokens(ctx context.Context, name string, tokens []ForeignToken) (made []Token, err error) {
	u, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(tokens) > MaxImport {
		return nil, invalid("tokens", fmt.Sprintf("must be %d at most", MaxImport))
	}
	made = make([]Token, len(tokens))
	var missing []int // indices
	hashes := make([][32]byte, len(tokens))
	for i, t := range tokens {
		hashes[i] = t.Hash
		if slices.Contains(hashes[:i], t.Hash) {
			return nil, &IndexError{i, ErrKeyTaken}
		}
	}
	there, err := s.Store.TokensOfForeignKeys(ctx, hashes)
	if err != nil {
		return nil, err
	}
	for i, id := range there {
		switch id.UserID {
		case 0:
			missing = append(missing, i)
		case u.ID:
			made[i] = Token{UserID: id.UserID, ID: id.ID}
		default:
			return nil, &IndexError{i, ErrKeyTaken}
		}
	}
	if len(missing) == 0 {
		return made, nil
	}
	stored, err := s.Store.ImportTokens(ctx, u, func(u User) (NewTokens, error) {
		all, err := u.foreignTokens(tokens, missing, s.Now().Unix())
		return NewTokens{Tokens: all, RateTAT: u.RateTAT}, err
	})
	if err != nil {
		return nil, err
	}
	for i, t := range stored {
		made[missing[i]] = t
	}
	return made, nil
}

// foreignTokens returns new tokens of the user for some of the foreign ones.
func (u User) foreignTokens(tokens []ForeignToken, indices []int, now int64) ([]Token, error) {
	if err := u.admitTokens(int64(len(indices))); err != nil {
		return nil, err
	}
	settings := make([]Settings, len(indices))
	for i, index := range indices {
		settings[i] = tokens[index].Settings
	}
	all, err := u.newTokens(settings, now)
	var wrong *IndexError
	if errors.As(err, &wrong) {
		wrong.Index = indices[wrong.Index]
	}
	if err != nil {
		return nil, err
	}
	for i := range all {
		from := tokens[indices[i]]
		t := &all[i]
		t.ID, t.KeyHash, t.Mask = u.LastTokenID+1+int64(i), from.Hash, from.Mask
		t.ForeignHash, t.ImportedFrom, t.UsedQuota = from.Hash, from.From, from.UsedQuota
	}
	return all, nil
}

// EachToken calls do with each token of a user. It is for the operator.
func (s *UserService) EachToken(ctx context.Context, name string, do func(Token) error) error {
	u, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	return s.Store.EachToken(ctx, u, do)
}
