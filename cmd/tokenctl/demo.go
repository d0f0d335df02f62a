package main

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/token"
)

// demoName is the user that `tokenctl serve` creates.
const demoName = "demo"

// A demo is the local server's user with a valid access token.
type demo struct {
	user    token.User
	access  credential.AccessToken
	revoked int // number of older access tokens that were revoked to free a slot
}

// prepareDemo returns the demo user and an access token that is valid in db. It
// creates the user if there is none. It issues an access token if the one in
// dir is missing, revoked, or belongs to another database.
func prepareDemo(ctx context.Context, db *database, dir *dataDir) (demo, error) {
	saved, ok, err := dir.accessToken()
	if err != nil {
		return demo{}, err
	}
	accounts := db.accounts()
	u, err := accounts.Store.FindUser(ctx, demoName)
	if err == nil && ok && u.ID == saved.UserID {
		if err := checkAccessToken(ctx, db, saved); !errors.Is(err, token.ErrUnauthorized) {
			return demo{user: u, access: saved}, err
		}
	}
	var d demo
	switch {
	case err == nil:
		d, err = rotateDemo(ctx, accounts)
	case errors.Is(err, token.ErrUserNotFound):
		d.user, d.access, err = accounts.Create(ctx, demoName, token.RoleUser, 0)
		if errors.Is(err, token.ErrUserExists) { // another server has created it meanwhile
			d, err = rotateDemo(ctx, accounts)
		}
	}
	if err != nil {
		return demo{}, err
	}
	return d, dir.saveAccessToken(d.access)
}

// checkAccessToken returns token.ErrUnauthorized if an access token is not
// valid. The access token of a disabled user or of a guest is valid.
func checkAccessToken(ctx context.Context, db *database, at credential.AccessToken) error {
	service := &token.Service{Store: db.store(), Now: time.Now}
	err := service.Authorize(ctx, at)
	if errors.Is(err, token.ErrUserDisabled) || errors.Is(err, token.ErrForbidden) {
		return nil
	}
	return err
}

// rotateDemo issues an access token for the demo user. If the user has the
// maximum number of valid ones, it first revokes all but the newest.
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
