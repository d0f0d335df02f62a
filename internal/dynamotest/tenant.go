package dynamotest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/token"
)

// Epoch is the Unix second at which a Clock starts.
const Epoch = 1_700_000_000

// A Clock stands still until the test advances it.
type Clock struct{ seconds atomic.Int64 } // since Epoch

// Now returns the clock's time.
func (c *Clock) Now() time.Time { return time.Unix(Epoch+c.seconds.Load(), 0) }

// Advance moves the clock forward.
func (c *Clock) Advance(seconds int64) { c.seconds.Add(seconds) }

// A Tenant is a user with an access token, a service and a clock.
type Tenant struct {
	*token.Service
	Access credential.AccessToken
	Clock  *Clock
}

// Create creates one token.
func (tenant *Tenant) Create(ctx context.Context, at credential.AccessToken, u token.Settings) (token.Token, credential.Key, error) {
	made, err := tenant.Service.Create(ctx, at, []token.Settings{u}, nil)
	if err != nil {
		return token.Token{}, credential.Key{}, err
	}
	return made[0].Token, made[0].Key, nil
}

// Update changes a token, whatever its version is.
func (tenant *Tenant) Update(ctx context.Context, at credential.AccessToken, id int64, u token.Settings) (token.Token, error) {
	return tenant.Service.Update(ctx, at, id, u, nil)
}

// SetStatus enables or disables a token, whatever its version is.
func (tenant *Tenant) SetStatus(ctx context.Context, at credential.AccessToken, id int64, disabled bool) (token.Token, error) {
	return tenant.Service.SetStatus(ctx, at, id, disabled, nil)
}

// Delete deletes a token, whatever its version is.
func (tenant *Tenant) Delete(ctx context.Context, at credential.AccessToken, id int64) error {
	return tenant.Service.Delete(ctx, at, id, nil)
}

// RemoveLimits removes a user's limits, because tests create more tokens, and
// faster, than a user may by default.
func RemoveLimits(l *token.Limits) { *l = token.Limits{} }

// unlimited is a user store that creates users without limits.
type unlimited struct{ token.UserStore }

func (s unlimited) AddUser(ctx context.Context, mint func(id int64) token.User) (token.User, error) {
	return s.UserStore.AddUser(ctx, func(id int64) token.User {
		u := mint(id)
		RemoveLimits(&u.Limits)
		return u
	})
}

// Tenant creates a user without limits in the kit's table.
func (k *Kit) Tenant(t testing.TB, name string) *Tenant {
	t.Helper()
	clock := new(Clock)
	accounts := &token.UserService{Store: unlimited{k.Store}, Now: clock.Now}
	_, access, err := accounts.Create(t.Context(), name, token.RoleUser, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &Tenant{&token.Service{Store: k.Store, Now: clock.Now}, access, clock}
}

// WithStore returns the same tenant, served by another store.
func (tenant *Tenant) WithStore(store *dynamo.Store) *Tenant {
	return &Tenant{&token.Service{Store: store, Now: tenant.Clock.Now}, tenant.Access, tenant.Clock}
}

// StoreWith returns a store on the kit's table whose client has these options.
func (k *Kit) StoreWith(options ...func(*dynamodb.Options)) *dynamo.Store {
	return dynamo.New(Client(k.Endpoint, options...), Table)
}
