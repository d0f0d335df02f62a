// Package gatewaytest serves the HTTP API of a synthesized stack on this
// machine. It routes a request as API Gateway does and passes it to the built
// function, which runs under a Runtime API with the environment that the stack
// configures. It knows nothing about tokens.
package gatewaytest

import (
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
	"github.com/latchkey-api/latchkey/shared/boot"
)

// Start starts a process for every function that a route of the API calls, from
// the binary in the folder binaries that has the name of the function's asset.
// The processes end with the test. They use the table of the kit, with the
// rights that the stack gives to each function and no others; a request that
// needs another right fails the test.
func Start(t testing.TB, api *API, slash Slash, binaries string, kit *dynamotest.Kit) *Gateway {
	t.Helper()
	g := &Gateway{t, api, slash, map[string]*Process{}}
	for _, route := range api.Routes {
		if f := route.Function; g.processes[f.ID] == nil {
			g.processes[f.ID] = StartFunction(t, f, binaries, kit)
		}
	}
	return g
}

// A Gateway is a running HTTP API.
type Gateway struct {
	t         testing.TB
	api       *API
	slash     Slash
	processes map[string]*Process // by logical ID
}

// With returns the same gateway with another reading of the slash.
func (g *Gateway) With(slash Slash) *Gateway { return &Gateway{g.t, g.api, slash, g.processes} }

// Processes returns the functions of the API.
func (g *Gateway) Processes() []*Process { return slices.Collect(maps.Values(g.processes)) }

// A Process is a running function, whose requests to the table pass a Guard.
type Process struct {
	*lambdatest.Function
	Name  string // of the function's folder
	Guard *dynamotest.Guard
}

// StartFunction starts the process of one function, as Start does. Further
// variables are added to its environment, NAME=value each.
func StartFunction(t testing.TB, f Function, binaries string, kit *dynamotest.Kit, further ...string) *Process {
	t.Helper()
	environment := []string{"AWS_REGION=us-east-1"} // which Lambda sets
	for name, value := range f.Environment {
		environment = append(environment, name+"="+value)
	}
	guard := dynamotest.NewGuard(t, kit.Endpoint, f.Statements)
	environment = append(append(environment, boot.EnvEndpoint+"="+guard.URL), further...)
	t.Cleanup(func() {
		for _, right := range guard.Refused() {
			t.Errorf("the function %s needs %s, which its role does not allow", f.Folder, right)
		}
	})
	return &Process{lambdatest.Start(t, filepath.Join(binaries, f.Folder), environment...), f.Folder, guard}
}

// ServeHTTP implements http.Handler. If the function does not return a valid
// response, it fails the test and responds as API Gateway does.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route, variables, ok := g.api.Match(g.slash, r.Method, r.URL.Path)
	if !ok {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	event, err := Event(r, route.Key, variables)
	var answer []byte
	if err == nil {
		answer, err = g.processes[route.Function.ID].Invoke(r.Context(), event)
	}
	if err == nil {
		err = Answer(w, answer)
	}
	if err != nil {
		g.t.Errorf("%s %s by %s: %v", r.Method, r.URL, route.Function.ID, err)
		refuse(w, http.StatusInternalServerError, "Internal Server Error")
	}
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`{"message":"` + message + `"}`)) // the caller may have gone
}
