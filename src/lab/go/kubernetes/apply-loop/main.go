// Command apply-loop measures the ceiling of server-side apply: a plain client-go loop over a folder of YAML files,
// against which the tool's own rate is compared. Reading, parsing and discovery happen before the clock starts.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
)

// result is printed as one line of JSON on standard output.
type result struct {
	Objects int     `json:"objects"`
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"rate"` // objects per second
}

// job is one object and the client for its kind and namespace.
type job struct {
	object *unstructured.Unstructured
	client dynamic.ResourceInterface
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig file of the cluster (required)")
	manager := flag.String("field-manager", "apply-loop", "field manager of the server-side apply")
	workers := flag.Int("workers", 32, "requests in flight")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: apply-loop --kubeconfig FILE [flags] DIRECTORY\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if *kubeconfig == "" || flag.NArg() != 1 || *workers < 1 {
		flag.Usage()
		os.Exit(2)
	}
	done, err := run(*kubeconfig, flag.Arg(0), *manager, *workers)
	if err != nil {
		fmt.Fprintf(os.Stderr, "apply-loop: %v\n", err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(done)
}

func run(kubeconfig, directory, manager string, workers int) (result, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return result{}, err
	}
	config.QPS = -1 // no limit in the client
	objects, err := readObjects(directory)
	if err != nil {
		return result{}, err
	}
	jobs, err := resolve(config, objects)
	if err != nil {
		return result{}, err
	}
	started := time.Now()
	if err := applyAll(jobs, manager, workers); err != nil {
		return result{}, err
	}
	seconds := time.Since(started).Seconds()
	return result{Objects: len(jobs), Seconds: seconds, Rate: float64(len(jobs)) / seconds}, nil
}

// readObjects reads every .yaml, .yml and .json file beneath a directory; a file may hold several documents.
func readObjects(directory string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		documents := yaml.NewYAMLOrJSONDecoder(file, 4096)
		for {
			object := &unstructured.Unstructured{}
			if err := documents.Decode(object); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if len(object.Object) > 0 {
				objects = append(objects, object)
			}
		}
	})
	if err == nil && len(objects) == 0 {
		err = fmt.Errorf("no objects in %s", directory)
	}
	return objects, err
}

func resolve(config *rest.Config, objects []*unstructured.Unstructured) ([]job, error) {
	finder, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	groups, err := restmapper.GetAPIGroupResources(finder)
	if err != nil {
		return nil, err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	jobs := make([]job, 0, len(objects))
	for _, object := range objects {
		kind := object.GroupVersionKind()
		mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil {
			return nil, err
		}
		all := client.Resource(mapping.Resource)
		var target dynamic.ResourceInterface = all
		if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
			target = all.Namespace(object.GetNamespace())
		}
		jobs = append(jobs, job{object: object, client: target})
	}
	return jobs, nil
}

// applyAll stops at the first refusal.
func applyAll(jobs []job, manager string, workers int) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	options := metav1.ApplyOptions{FieldManager: manager, Force: true}
	var next atomic.Int64
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for ctx.Err() == nil {
				index := int(next.Add(1)) - 1
				if index >= len(jobs) {
					return
				}
				one := jobs[index]
				if _, err := one.client.Apply(ctx, one.object.GetName(), one.object, options); err != nil {
					cancel(fmt.Errorf("%s %s/%s: %w", one.object.GetKind(), one.object.GetNamespace(), one.object.GetName(), err))
				}
			}
		})
	}
	running.Wait()
	return context.Cause(ctx)
}
