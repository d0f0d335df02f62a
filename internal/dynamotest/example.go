package dynamotest

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-api/latchkey/shared/token"
)

// ForExample starts an engine with a table and one token for an example, which
// has no testing.TB. The token has a quota of some units, and is limited to the
// models if there are any. ForExample returns the token's key, and the function
// that stops the engine. It panics if the engine can't start.
func ForExample(units int64, models ...string) (client *dynamodb.Client, table, key string, stop func()) {
	ctx := context.Background()
	kit, err := Start(ctx)
	if err != nil {
		panic(err)
	}
	clock := new(Clock)
	users := &token.UserService{Store: kit.Store, Now: clock.Now}
	_, access, err := users.Create(ctx, "example", token.RoleUser, 0)
	if err != nil {
		kit.Engine.Stop()
		panic(err)
	}
	settings := token.Settings{
		Name: new("example"), RemainQuota: &units, ModelLimitsEnabled: new(len(models) > 0), Models: models,
	}
	tokens := &token.Service{Store: kit.Store, Now: clock.Now}
	created, err := tokens.Create(ctx, access, []token.Settings{settings}, nil)
	if err != nil {
		kit.Engine.Stop()
		panic(err)
	}
	return kit.Client, Table, created[0].Key.Reveal(), kit.Engine.Stop
}
