package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/latchkey-api/latchkey/shared/quota"

	"github.com/latchkey-api/latchkey/internal/capture"
	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/modelstest"
	"github.com/latchkey-api/latchkey/shared/credential"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A bench is an engine, an upstream and a proxy.
type bench struct {
	tokenctl string
	kit      *dynamotest.Kit
	upstream *modelstest.Upstream
	tokens   *token.Service
	access   credential.AccessToken
	proxy    *exec.Cmd
	url      string // of the proxy
}

// start starts everything.
func start(ctx context.Context, tokenctl string) (*bench, error) {
	if tokenctl == "" {
		return nil, errors.New("TOKENCTL is not set: run make bench-overspend")
	}
	kit, err := dynamotest.Start(ctx)
	if err != nil {
		return nil, err
	}
	b := &bench{tokenctl: tokenctl, kit: kit, upstream: modelstest.New(), tokens: &token.Service{Store: kit.Store, Now: time.Now}}
	users := &token.UserService{Store: kit.Store, Now: time.Now}
	if _, b.access, err = users.Create(ctx, "bench", token.RoleUser, 0); err == nil {
		err = b.startProxy(ctx)
	}
	if err != nil {
		b.stop()
		return nil, err
	}
	return b, nil
}

// stop stops everything.
func (b *bench) stop() {
	b.kill()
	b.upstream.Close()
	b.kit.Engine.Stop()
}

// kill ends the proxy as kill -9 does.
func (b *bench) kill() {
	if b.proxy != nil {
		_ = b.proxy.Process.Kill() // it may have ended
		_ = b.proxy.Wait()
		b.proxy = nil
	}
}

// startProxy starts a proxy and waits until it is ready.
func (b *bench) startProxy(ctx context.Context) error {
	var out capture.Output
	b.proxy = exec.CommandContext(ctx, b.tokenctl, "proxy", "--upstream", b.upstream.URL) //nolint:gosec // the command under test
	b.proxy.Env = []string{
		"PORT=0", "HOME=" + os.TempDir(), "AWS_EC2_METADATA_DISABLED=true", "DYNAMODB_ENDPOINT=" + b.kit.Endpoint,
		"TABLE_NAME=" + dynamotest.Table, "UPSTREAM_API_KEY=" + modelstest.Key,
	}
	b.proxy.Stdout, b.proxy.Stderr = &out, &out
	if err := b.proxy.Start(); err != nil {
		b.proxy = nil
		return err
	}
	ready := regexp.MustCompile(`ready at (http://\S+)\n`)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if found := ready.FindStringSubmatch(out.String()); found != nil {
			b.url = found[1]
			return nil
		}
	}
	return fmt.Errorf("the proxy did not start: %s", strings.TrimSpace(out.String()))
}

// newKey makes a key with a quota.
func (b *bench) newKey(ctx context.Context, units int64) (string, error) {
	made, err := b.tokens.Create(ctx, b.access, []token.Settings{{Name: new("budget of one"), RemainQuota: &units}}, nil)
	if err != nil {
		return "", err
	}
	return made[0].Key.Reveal(), nil
}

// balance returns what is used and held of a key's quota at a time from now.
func (b *bench) balance(ctx context.Context, key string, later time.Duration) (used, held int64, err error) {
	g := gate.New(b.kit.Store, gate.WithClock(func() time.Time { return time.Now().Add(later) }))
	u, err := g.Usage(ctx, key, quota.Origin{})
	if err != nil {
		return 0, 0, err
	}
	if u.Granted != budget {
		return 0, 0, fmt.Errorf("the quota has become %d units, want %d", u.Granted, budget)
	}
	return u.Used, u.Granted - u.Used - u.Available, nil
}
