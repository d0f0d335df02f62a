package token

// AfterCreating makes afterCreating available to the tests.
func (u User) AfterCreating(n, now int64) (User, error) { return u.afterCreating(n, now) }

// Change makes change available to the tests.
func (s Settings) Change(now int64) Change { return s.change(now) }

// ID returns the id under which the parts of the request's response are saved.
func (r *IdempotentRequest) ID() string { return r.id }

// NewToken makes newToken available to the tests.
func (p Policy) NewToken(s Settings, userID, now int64) (Token, error) {
	return p.newToken(s, userID, now)
}
