from birds import create_app

app = create_app()
