import type { CommandRule } from "../rule.ts";

/** Commands that build, check, test and format code. */
export const DEVELOPMENT_RULES: readonly CommandRule[] = [
  {
    names:
      "make gmake bmake ninja cmake meson scons just task waf samu jam premake qmake autoconf automake autoreconf configure bootstrap",
    tier: "write",
    because: "runs_file",
    read: "--version -v --help --list -l --summary --show --list-all --dump --help-module-list",
    danger: "--eval --shell -P",
    values: "-C -f -j -I -o -W --directory --file --makefile",
    flags: "-s -k -B -w",
    verbs: { read: "introspect, --list" },
  },
  {
    names:
      "gcc g++ cc c++ clang clang++ c99 c89 tcc icc nvcc rustc ghc javac kotlinc scalac gfortran nasm yasm as ld lld gold mold gccgo swiftc fpc dmd ldc2 nim crystal valac mcs csc tsc esbuild swc babel rollup webpack vite parcel turbo nx lerna rspack next nuxt astro svelte-kit remix ng vue-cli-service vue react-scripts gatsby expo eas cdktf protoc buf thrift flatc swig bison flex yacc lex ragel antlr4",
    tier: "write",
    because: "changes_state",
    read: "--version -v -V --help -dumpversion -dumpmachine --showConfig --noEmit",
    danger: "-fplugin -wrapper -B -specs -load --plugin -fplugin-arg",
    style: "words",
    verbs: { read: "lint, breaking, show, info" },
  },
  {
    names:
      "biome oxlint flake8 pylint pyflakes pycodestyle pydocstyle mypy pyright pyre bandit safety vulture radon autopep8 shellcheck shfmt hadolint yamllint jsonlint markdownlint markdownlint-cli2 markdownlint-cli rubocop standardrb reek brakeman phpcs phpstan psalm php-cs-fixer golint golangci-lint staticcheck gofmt goimports revive errcheck ktlint detekt checkstyle cppcheck clang-tidy clang-format cpplint tflint tfsec checkov trivy grype syft semgrep snyk gitleaks trufflehog codespell typos vale write-good alex actionlint zizmor kube-linter kubeconform kubeval conftest opa regal sqlfluff djlint ansible-lint-check license-checker jscpd luacheck selene credo dialyzer hlint slither solhint alejandra statix deadnix taplo cspell pip-audit npm-check ncu npm-check-updates",
    tier: "read",
    write:
      "--fix --write -w -i --in-place -o --output --output-file --auto-correct --autocorrect -a -A --apply --apply-unsafe --fix-only --unsafe-fixes --add-noqa --upgrade -u --save-baseline --generate-baseline --set-baseline --regenerate-todo --install-types --init --cache-location",
    danger: "--load-plugins --plugin --rulesdir --resolve-plugins-relative-to --plugins --require",
    flags: "--check --diff -q -v -l --quiet",
    verbs: {
      read: "check, lint, rule, config, linter, version, server, analyze, image, fs, repo, scan, detect, run, vet, list, help",
      write: "format, fmt, clean, migrate, init, login, monitor, fix, install, cache",
      danger: "exec",
    },
  },
  { names: "ruff:format", tier: "write", read: "--check --diff" },
  {
    names: "ruff",
    tier: "read",
    nested: true,
    write: "--fix --fix-only --unsafe-fixes --add-noqa",
    outputs: "-o --output-file",
    values: "--config --select --ignore --line-length --target-version --extend-select --output-format",
    flags: "-q -v -n -s --no-fix --diff --show-files --show-settings --statistics --isolated --preview",
    verbs: { read: "check, rule, config, linter, version, help, analyze, server", write: "clean, format" },
  },
  {
    names: "black isort yapf rustfmt stylua ormolu fourmolu nixfmt dprint swiftformat",
    tier: "write",
    read: "--check --check-only -c --diff -d --version --help -h --show-settings --show-files",
    values: "-l --line-length -t --target-version --config --include --exclude --settings-path --profile",
    flags: "-q -v --quiet --verbose",
    verbs: { read: "check, output-file-paths, output-resolved-config" },
  },
  { names: "black_inline", tier: "write" },
  {
    names: "pre-commit lefthook husky lint-staged overcommit",
    tier: "write",
    read: "--version -V --help",
    verbs: { read: "validate-config, validate-manifest, sample-config, help, dump", danger: "uninstall, clean, gc" },
  },
  {
    names:
      "pytest py.test tox nox unittest jest vitest mocha ava tap jasmine karma cypress playwright rspec minitest phpunit pest ginkgo gotestsum bats shunit2 behave cucumber robot nose2 trial ctest c8 nyc coverage codecov testem qunit storybook wdio",
    tier: "write",
    because: "runs_file",
    read: "--version --help",
    danger: "--globalSetup --require",
    verbs: { read: "list, report, --list", danger: "erase" },
  },
  {
    names:
      "objdump nm readelf size addr2line c++filt pkg-config pkgconf dwarfdump otool llvm-objdump llvm-nm llvm-readelf llvm-dwarfdump llvm-symbolizer checksec javap jdeps jps jstat jinfo jstack godoc gprof gcov ltrace-report lddtree rustfilt rust-analyzer",
    tier: "read",
  },
  { names: "ldd", tier: "write", because: "runs_file" },
  {
    names:
      "strip objcopy ranlib patchelf install_name_tool chrpath ctags etags cscope gtags doxygen sphinx-build mkdocs hugo jekyll typedoc jsdoc javadoc rustdoc pdoc asciidoctor bibtex typst dot neato plantuml mermaid mmdc convert magick mogrify composite montage ffmpeg sox lame flac inkscape gs pdftk qpdf pdftotext pdftoppm pdfunite pdfseparate ps2pdf wkhtmltopdf optipng pngquant jpegoptim cwebp svgo exiftool rsvg-convert potrace",
    tier: "write",
    because: "writes_file",
    read: "--version -version --help -list",
  },
  {
    names:
      "docker-compose-lint terraform-docs infracost helm-docs cookiecutter copier yeoman yo plop degit create-react-app create-next-app create-vite serverless sls amplify cap capistrano fab invoke inv fabric nps",
    tier: "write",
    because: "runs_file",
    verbs: { read: "breakdown, diff, --list, -l, validate, list", danger: "remove, delete, destroy" },
  },
  {
    names: "claude codex gemini aider opencode cursor-agent copilot llm ollama goose amp",
    tier: "danger",
    because: "arbitrary_code",
    read: "--version --help",
    verbs: {
      read: "list, ls, ps, show, models, version, doctor, --version",
      write: "pull, serve, stop, create, cp, push, login",
    },
  },
  {
    names: "fzf fzy sk peco gum dialog whiptail zenity",
    tier: "read",
    special: "fzf",
    danger: "--listen-unsafe",
    write: "--listen --history --http-server",
    values:
      "--preview --bind -q --query -f --filter --prompt --header --height --color -d --delimiter -n --nth --with-nth --margin --preview-window --history-size --layout --border --expect --scheme --tiebreak --marker --pointer --info --padding",
    code: "--with-shell",
  },
  {
    names: "latex pdflatex xelatex lualatex latexmk tex pdftex luatex",
    tier: "write",
    because: "writes_file",
    style: "words",
    read: "-version --version -help --help",
    danger: "-shell-escape --shell-escape -enable-write18 --enable-write18 -pdflatex -latex -e -r",
  },
  {
    names: "eslint prettier stylelint commitlint knip depcheck madge dependency-cruiser",
    tier: "write",
    because: "runs_file",
    read: "--version -v --help -h",
    danger: "--rulesdir --resolve-plugins-relative-to --plugin --require",
  },
];
