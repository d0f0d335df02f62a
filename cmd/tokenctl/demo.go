package main

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
)

// demoName is the user that the local server makes.
const demoName = "demo"

// A demo is the local server's user with a valid access token.
type demo struct {
	user    token.User
	access  credential.AccessToken
	revoked int // access tokens that had to end to make room
}

// prepareDemo makes the user the first time, and an access token whenever
// the kept one is not valid in this database: another engine, a deleted
// file, a revocation.
func prepareDemo(ctx context.Context, db *database, dir *dataDir) (demo, error) {
	kept, ok, err := dir.accessToken()
	if err != nil {
		return demo{}, err
	}
	accounts := db.accounts()
	u, err := accounts.Store.FindUser(ctx, demoName)
	if err == nil && ok && u.ID == kept.UserID {
		if err := admit(ctx, db, kept); !errors.Is(err, token.ErrUnauthorized) {
			return demo{user: u, access: kept}, err
		}
	}
	var d demo
	switch {
	case err == nil:
		d, err = rotateDemo(ctx, accounts)
	case errors.Is(err, token.ErrUserNotFound):
		d.user, d.access, err = accounts.Create(ctx, demoName, token.RoleUser, 0)
		if errors.Is(err, token.ErrUserExists) { // a rival server made it just now
			d, err = rotateDemo(ctx, accounts)
		}
	}
	if err != nil {
		return demo{}, err
	}
	return d, dir.keep(d.access)
}

// admit asks whether an access token is valid. A user who is disabled or a
// guest has a valid one all the same.
func admit(ctx context.Context, db *database, at credential.AccessToken) error {
	service := &token.Service{Store: db.store(), Now: time.Now}
	err := service.Authorize(ctx, at)
	if errors.Is(err, token.ErrUserDisabled) || errors.Is(err, token.ErrForbidden) {
		return nil
	}
	return err
}

// rotateDemo issues an access token. Where all slots are full it first
// completes the rotation, which leaves one.
func rotateDemo(ctx context.Context, accounts *token.UserService) (demo, error) {
	r, err := accounts.RotateAccessToken(ctx, demoName, false, 0)
	revoked := 0
	if errors.Is(err, token.ErrSlotsFull) {
		if r, err = accounts.RotateAccessToken(ctx, demoName, true, 0); err != nil {
			return demo{}, err
		}
		revoked = r.Revoked
		r, err = accounts.RotateAccessToken(ctx, demoName, false, 0)
	}
	if err != nil {
		return demo{}, err
	}
	return demo{r.User, *r.Issued, revoked}, nil
}
