//go:build tools

// Package tools pins the API server of the oldest Kubernetes that the chart is for.
package tools

import _ "k8s.io/kubernetes/cmd/kube-apiserver"
