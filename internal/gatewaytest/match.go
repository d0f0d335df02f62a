package gatewaytest

import (
	"slices"
	"strings"
)

// A Slash is what an HTTP API may do with a path that ends in a slash. AWS
// documents none, and reports differ; a stack that works in all ways works.
// In none is the slash a part of {id}: a variable is one segment.
type Slash int

const (
	// GreedyTakesEmpty means: /x/ matches /x/{proxy+} with an empty rest. So
	// does AWS's own emulator, aws/aws-lambda-dotnet, Tools/LambdaTestTool-v2.
	GreedyTakesEmpty Slash = iota
	// GreedyNeedsRest means: /x/ matches neither /x nor /x/{proxy+}.
	GreedyNeedsRest
	// Stripped means: /x/ matches /x, though the function sees /x/. So found in
	// aws-powertools/powertools-lambda-python, issue 1552.
	Stripped
)

// Slashes are all of them.
func Slashes() []Slash { return []Slash{GreedyTakesEmpty, GreedyNeedsRest, Stripped} }

func (s Slash) String() string {
	return [...]string{"greedy_takes_empty", "greedy_needs_rest", "stripped"}[s]
}

const (
	defaultKey = "$default"
	anyMethod  = "ANY"
)

// Match selects the route of a request and the values of its path variables.
// There may be none. The order is documented: a full match for path and
// method, where text is more specific than a variable; then a greedy
// variable, the longest path before it first; then $default.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
func (a *API) Match(slash Slash, method, path string) (route Route, variables map[string]string, ok bool) {
	if slash == Stripped && path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	rank := "~" // after all others
	for _, candidate := range a.Routes {
		found, matches := matches(candidate.Key, slash, method, path)
		if r := rankOf(candidate.Key); matches && r < rank {
			route, variables, rank, ok = candidate, found, r, true
		}
	}
	return route, variables, ok
}

// matches holds a request against a route key. Segments are those of the
// decoded path; whether an escaped slash divides any is not documented.
func matches(key string, slash Slash, method, path string) (variables map[string]string, ok bool) {
	if key == defaultKey {
		return nil, true
	}
	wantMethod, pattern, _ := strings.Cut(key, " ")
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if !slices.Contains([]string{method, anyMethod}, wantMethod) {
		return nil, false
	}
	variables = map[string]string{}
	for i, segment := range want {
		if i == len(got) {
			return nil, false
		}
		name, isVariable := strings.CutPrefix(segment, "{")
		if name, isGreedy := strings.CutSuffix(name, "+}"); isVariable && isGreedy {
			rest := strings.Join(got[i:], "/")
			variables[name] = rest
			return variables, rest != "" || slash == GreedyTakesEmpty
		}
		switch {
		case isVariable && got[i] != "":
			variables[strings.TrimSuffix(name, "}")] = got[i]
		case segment != got[i]:
			return nil, false
		}
	}
	return variables, len(want) == len(got)
}

// rankOf sorts route keys, the more specific ones first: one letter for each
// segment, behind one for the kind of match.
func rankOf(key string) string {
	if key == defaultKey {
		return "3"
	}
	method, pattern, _ := strings.Cut(key, " ")
	rank := []byte("1")
	for segment := range strings.SplitSeq(pattern, "/") {
		switch {
		case strings.HasSuffix(segment, "+}"):
			rank, rank[0] = append(rank, 'c'), '2'
		case strings.HasPrefix(segment, "{"):
			rank = append(rank, 'b')
		default:
			rank = append(rank, 'a')
		}
	}
	if method == anyMethod {
		return string(rank) + "z"
	}
	return string(rank)
}
