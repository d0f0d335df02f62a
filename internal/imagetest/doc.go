// Package imagetest runs the container images that `make image` builds. Its test
// needs Docker and the build tag image: `make test-image`.
package imagetest
