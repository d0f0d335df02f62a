// Package gatewaytest serves the HTTP API of a synthesized stack on this
// machine. It routes a request as API Gateway does and passes it to the built
// function, which runs under a Runtime API with the environment that the stack
// configures. It knows nothing about tokens.
package gatewaytest

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/internal/lambdatest"
	"github.com/latchkey-api/latchkey/shared/boot"
)

// Start starts a process for every function of the API, from the binary in the
// folder binaries that has the name of the function's asset. The processes end
// with the test. They use the table of the kit.
func Start(t testing.TB, api *API, slash Slash, binaries string, kit *dynamotest.Kit) http.Handler {
	t.Helper()
	g := &gateway{t, api, slash, map[string]*lambdatest.Function{}}
	for _, route := range api.Routes {
		f := route.Function
		if g.functions[f.ID] != nil {
			continue
		}
		environment := []string{"AWS_REGION=us-east-1"} // which Lambda sets
		for name, value := range f.Environment {
			environment = append(environment, name+"="+value)
		}
		environment = append(environment, boot.EnvEndpoint+"="+kit.Endpoint)
		g.functions[f.ID] = lambdatest.Start(t, filepath.Join(binaries, f.Folder), environment...)
	}
	return g
}

type gateway struct {
	t         testing.TB
	api       *API
	slash     Slash
	functions map[string]*lambdatest.Function // by logical ID
}

// ServeHTTP implements http.Handler. If the function does not return a valid
// response, it fails the test and responds as API Gateway does.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route, variables, ok := g.api.Match(g.slash, r.Method, r.URL.Path)
	if !ok {
		refuse(w, http.StatusNotFound, "Not Found")
		return
	}
	event, err := Event(r, route.Key, variables)
	var answer []byte
	if err == nil {
		answer, err = g.functions[route.Function.ID].Invoke(r.Context(), event)
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
