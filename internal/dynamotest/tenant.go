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

// Epoch is the second at which every test's clock starts.
const Epoch = 1_700_000_000

// A Clock stands still until the test moves it.
type Clock struct{ past atomic.Int64 }

// Now is the clock's time.
func (c *Clock) Now() time.Time { return time.Unix(Epoch+c.past.Load(), 0) }

// Step moves the clock on by some seconds.
func (c *Clock) Step(seconds int64) { c.past.Add(seconds) }

// A Tenant is a user with all that it needs to act.
type Tenant struct {
	*token.Service
	Access credential.AccessToken
	Clock  *Clock
}

// Create makes one token.
func (tenant *Tenant) Create(ctx context.Context, at credential.AccessToken, u token.Settings) (token.Token, credential.Key, error) {
	made, err := tenant.Service.Create(ctx, at, []token.Settings{u}, nil)
	if err != nil {
		return token.Token{}, credential.Key{}, err
	}
	return made[0].Token, made[0].Key, nil
}

// Update changes a token of any version.
func (tenant *Tenant) Update(ctx context.Context, at credential.AccessToken, id int64, u token.Settings) (token.Token, error) {
	return tenant.Service.Update(ctx, at, id, u, nil)
}

// SetStatus enables or disables a token of any version.
func (tenant *Tenant) SetStatus(ctx context.Context, at credential.AccessToken, id int64, disabled bool) (token.Token, error) {
	return tenant.Service.SetStatus(ctx, at, id, disabled, nil)
}

// Delete removes a token of any version.
func (tenant *Tenant) Delete(ctx context.Context, at credential.AccessToken, id int64) error {
	return tenant.Service.Delete(ctx, at, id, nil)
}

// Unlimit switches a user's limits off: tests make more tokens, and faster,
// than a user may.
func Unlimit(l *token.Limits) { *l = token.Limits{} }

// unlimited makes users without limits, in one call.
type unlimited struct{ token.UserStore }

func (s unlimited) AddUser(ctx context.Context, mint func(id int64) token.User) (token.User, error) {
	return s.UserStore.AddUser(ctx, func(id int64) token.User {
		u := mint(id)
		Unlimit(&u.Limits)
		return u
	})
}

// Tenant adds a user without limits to the kit's table.
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

// Through is the same tenant, served by another store of the same table.
func (tenant *Tenant) Through(store *dynamo.Store) *Tenant {
	return &Tenant{&token.Service{Store: store, Now: tenant.Clock.Now}, tenant.Access, tenant.Clock}
}

// Through is a store of the kit's table whose client has tweaks of its own.
func (k *Kit) Through(tweaks ...func(*dynamodb.Options)) *dynamo.Store {
	return dynamo.New(Client(k.Endpoint, tweaks...), Table)
}
